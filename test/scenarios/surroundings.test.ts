// Servers that were started in unusual surroundings, such as a strict umask.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing, RUNSC } from "../support/tool.ts";

setDefaultTimeout(120_000);

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
/** No one else's. */
const ORDINARY_USER = 61_218;

function walled(keys: string): string {
  return `
[service.app]
command = "${WALLED_COMMAND}"
read_paths = ["${ROOT}"]
${keys}
`;
}

const A = "a.app.localhost";

/** The tenant writes and reads in its data directory, and says the outcome. */
async function writes(ten: Ten): Promise<string> {
  await ten.must("spawn", "app:a");
  await ten.get(A, "/write?text=kept");
  const path = encodeURIComponent(join(ten.dataDir, "app/a/journal"));
  return (await ten.get(A, `/look?path=${path}`)).text;
}

describe.skipIf(!isRoot || isMissing(GCC))("a server with a strict umask", () => {
  const withMask = (mask: string) => ["sh", "-c", `umask ${mask}; exec "$0" "$@"`];
  const asUser = ["setpriv", "--reuid", String(ORDINARY_USER), "--regid", String(ORDINARY_USER)];
  const user = { user: ORDINARY_USER, parent: "/var/lib" };

  for (const mask of ["027", "077"]) {
    for (const network of ["host", "private"]) {
      const configText = walled(`isolation = "namespace"\nnetwork = "${network}"`);

      test(`${mask} has tenants that use their data directory, root, network ${network}`, () =>
        withTen({ configText, prefix: withMask(mask) }, async (ten) => {
          expect(await writes(ten)).toBe("kept");
        }));

      test(`${mask} has tenants that use their data directory, rootless, network ${network}`, () => {
        const prefix = [...asUser, "--clear-groups", ...withMask(mask)];
        return withTen({ configText, ...user, prefix }, async (ten) => {
          expect(await writes(ten)).toBe("kept");
        });
      });
    }
  }

  test("makes write paths and directories of sockets that its tenants can reach", () =>
    withTen({ prefix: withMask("077"), parent: "/var/lib" }, async (ten) => {
      const shared = join(ten.root, "some/way/shared");
      const socket = join(ten.root, "another/way/sockets/{id}.sock");
      ten.reconfigure(() =>
        walled(`isolation = "namespace"
write_paths = ["${shared}"]
socket = "${socket}"
env = { SOCKET = "1" }`),
      );
      await ten.restart();
      expect(await writes(ten)).toBe("kept");
      const path = encodeURIComponent(shared);
      expect((await ten.get(A, `/look?path=${path}`)).text).toBe("");
    }));

  test.skipIf(isMissing(RUNSC))("has tenants in sandboxes that use their data directory", () =>
    withTen(
      { configText: walled('isolation = "sandbox"'), prefix: withMask("077") },
      async (ten) => {
        expect(await writes(ten)).toBe("kept");
      },
    ),
  );

  test("leaves it to tenants without walls", () =>
    withTen(
      {
        configText: `
[service.app]
command = "sh"
args = ["-c", "umask; exec ${WALLED_COMMAND}"]
isolation = "process"
`,
        prefix: withMask("0037"),
      },
      async (ten) => {
        await ten.must("spawn", "app:a");
        expect(await ten.must("logs", "app:a")).toContain("0037");
      },
    ));
});
