// Links that a tenant puts into its own directories, where the server, which is root, must not follow them.
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isWalledUser } from "../../src/core/user-id-ranges.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const ALICE = "alice.app.localhost";

const configText = `
[service.app]
command = "${WALLED_COMMAND}"
isolation = "namespace"
read_paths = ["${ROOT}"]
`;

/** Sets a key of the service. */
function configure(text: string, line: string): string {
  return `${text.replace("[service.app]", `[service.app]\n${line}`)}\n`;
}

async function link(ten: Ten, name: string, to: string): Promise<void> {
  expect((await ten.get(ALICE, `/link?name=${name}&to=${to}`)).text).toBe("linked");
}

/** Changes the level and starts the instance. */
async function startAt(ten: Ten, level: string): Promise<void> {
  await ten.stop();
  ten.reconfigure((text) => text.replace(/^isolation = .*$/m, `isolation = "${level}"`));
  await ten.start();
  await ten.must("start", "app:alice");
}

describe.skipIf(!isRoot || isMissing(GCC))("the server of root", () => {
  test("gives a tenant no file behind a link in its data directory", () =>
    withTen({ configText }, async (ten) => {
      const outside = join(ten.root, "outside");
      mkdirSync(outside);
      writeFileSync(join(outside, "secret"), "secret", { mode: 0o600 });
      await ten.must("spawn", "app:alice");
      await link(ten, "link", outside);
      await startAt(ten, "process");
      await startAt(ten, "namespace");
      expect(statSync(join(outside, "secret")).uid).toBe(0);
      expect(statSync(outside).uid).toBe(0);
    }));

  test("gives a tenant the backup that root has restored in its data directory", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:alice");
      await ten.get(ALICE, "/write?text=old");
      await ten.must("stop", "app:alice");
      const journal = join(ten.dataDir, "app/alice/journal");
      rmSync(journal);
      writeFileSync(journal, "restored", { mode: 0o600 });
      await ten.must("start", "app:alice");
      expect((await ten.get(ALICE, "/write?text=,written")).text).toBe("written");
      expect((await ten.get(ALICE, `/look?path=${journal}`)).text).toBe("restored,written");
      expect(isWalledUser(statSync(journal).uid)).toBe(true);
    }));
});

const PLACES = [
  ["of root", {}],
  ["of an ordinary user", { user: 61_191, parent: "/var/lib" }],
] as const;

describe.skipIf(!isRoot || isMissing(GCC)).each([...PLACES])("the server %s", (_, place) => {
  const restart = async (ten: Ten) => {
    await ten.must("stop", "app:alice");
    return await ten.ten("start", "app:alice");
  };

  test("shows a tenant nothing more when its working directory is a link that it has made", () =>
    withTen({ configText, ...place }, async (ten) => {
      const secret = join(ten.dataDir, "secret");
      mkdirSync(secret, { mode: 0o755 });
      await ten.stop();
      ten.reconfigure((text) => configure(text, 'workdir = "{data_dir}/{name}/{id}/work"'));
      mkdirSync(join(ten.dataDir, "app/alice/work"), { recursive: true, mode: 0o755 });
      if ("user" in place)
        Bun.spawnSync(["chown", "-R", `${place.user}`, join(ten.dataDir, "app")]);
      await ten.start();
      await ten.must("spawn", "app:alice");
      await link(ten, "work", secret);
      const { stderr } = await restart(ten);
      expect(stderr).toContain("app/alice/work: No such file or directory");
    }));

  test("follows no link in a directory that tenants may write", () =>
    withTen({ configText, ...place }, async (ten) => {
      const [shared, secret] = [join(ten.root, "shared"), join(ten.root, "secret")];
      for (const path of [shared, join(shared, "public"), secret]) mkdirSync(path, { mode: 0o755 });
      const viewer = (readPath: string) =>
        `[service.viewer]\ncommand = "${WALLED_COMMAND}"\nisolation = "namespace"\n` +
        `read_paths = ["${ROOT}", "${readPath}"]\n`;
      await ten.stop();
      // Through a link of the operator, which the check of the configuration does not see.
      symlinkSync(shared, join(ten.root, "way"));
      ten.reconfigure((text) =>
        configure(text, `write_paths = ["${shared}"]`).concat(viewer(join(ten.root, "way/public"))),
      );
      await ten.start();
      await ten.must("spawn", "viewer:bob");
      const look = `/look?path=${join(ten.root, "shared")}`;
      expect((await ten.get("bob.viewer.localhost", look)).text).toBe("public");
      rmSync(join(shared, "public"), { recursive: true });
      symlinkSync(secret, join(shared, "public"));
      await ten.must("stop", "viewer:bob");
      const { exitCode, stderr } = await ten.ten("start", "viewer:bob");
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`${join(shared, "public")} is a link that a tenant may have made`);
      expect(stderr).toContain("hint: Name a path that does not lead through write_paths");
    }));
});
