// Servers that were started in unusual surroundings, such as a strict umask.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig, WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing, PYTHON, RUNSC } from "../support/tool.ts";

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

describe("a server whose working directory was removed", () => {
  const relative = {
    cwd: "releases/1",
    args: ["--config", "../../app/tenement.toml", "--data-dir", "../../data"],
  };

  test("starts tenants, reloads, and is replaced, as often as one likes", () =>
    withTen({ configText: appConfig(), ...relative }, async (ten) => {
      rmSync(join(ten.root, relative.cwd), { recursive: true });
      await ten.must("spawn", "app:a");
      for (let round = 0; round < 2; round++) {
        const { pid } = ten;
        await ten.must("restart-server");
        expect(ten.pid).not.toBe(pid);
        expect((await ten.get(A, "/")).text).toBe("hello from a");
        await ten.must("reload");
      }
    }));

  test("is started where it was when the directory is there again", () =>
    withTen({ configText: appConfig(), ...relative }, async (ten) => {
      const directory = join(ten.root, relative.cwd);
      rmSync(directory, { recursive: true });
      mkdirSync(directory);
      await ten.must("restart-server");
      expect(readlinkSync(`/proc/${ten.pid}/cwd`)).toBe(directory);
    }));
});

describe.skipIf(isMissing(PYTHON))("where the parent ignored SIGCHLD", () => {
  const ignoring = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN)";
  const prefix = ["python3", "-c", `${ignoring}; os.execvp(sys.argv[1], sys.argv[1:])`];

  test("a server starts and stops tenants, and is replaced", () =>
    withTen({ configText: appConfig(), prefix }, async (ten) => {
      await ten.must("spawn", "app:a");
      expect((await ten.get(A, "/")).text).toBe("hello from a");
      await ten.must("restart-server");
      await ten.must("restart", "app:a");
      await ten.must("stop", "app:a");
      expect((await ten.instance("app:a"))?.state).toBe("stopped");
    }));

  test.skipIf(!isRoot || isMissing(GCC))("ten doctor finds what the host provides", () =>
    withTen({ prefix }, async (ten) => {
      const { stdout } = await ten.ten("doctor", "--json");
      const findings: readonly { id: string; state: string }[] = JSON.parse(stdout).findings;
      expect(findings.find(({ id }) => id === "namespace.walls")?.state).toBe("ok");
    }),
  );
});
