// Links that a tenant puts into its own directories, where the server, which is root, must not follow them.
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
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
