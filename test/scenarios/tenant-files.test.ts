// Files that tenants make hard to measure and to delete: hidden, read-only, deep, oddly named, many.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StorageAnswer } from "../../src/control/wire/instances.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { SHELL_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";
import { until } from "../support/until.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const USER = 61_191;
const HOST = "alice.app.localhost";

const WALLED = `isolation = "namespace"\nread_paths = ["${ROOT}"]`;

const configWith = (keys: string) =>
  `[service.app]\ncommand = "${SHELL_COMMAND}"\nidle_timeout = 0\n${keys}\n`;

/** Runs a shell command as a tenant, in its data directory. */
async function run(ten: Ten, command: string): Promise<string> {
  const { status, text } = await ten.get(HOST, `/?command=${encodeURIComponent(command)}`);
  expect(status).toBe(200);
  return text;
}

async function measure(ten: Ten): Promise<StorageAnswer> {
  const unix = join(ten.dataDir, "tenement.sock");
  const url = "http://ten/api/instances/app:alice/storage";
  return (await (await fetch(url, { unix, keepalive: false })).json()) as StorageAnswer;
}

const directoryOf = (ten: Ten) => join(ten.dataDir, "app/alice");
const trashOf = (ten: Ten) => {
  const path = join(ten.dataDir, ".trash");
  return existsSync(path) ? readdirSync(path) : [];
};

const PLACES = [
  ["of root", {}],
  ["of an ordinary user", { user: USER, parent: "/var/lib" }],
] as const;

describe.skipIf(!isRoot || isMissing(GCC)).each([...PLACES])("the server %s", (_, place) => {
  test("measures hidden directories, odd names and temporary files", () =>
    withTen({ configText: configWith(WALLED), ...place }, async (ten) => {
      await ten.must("spawn", "app:alice");
      const before = (await measure(ten)).used_bytes;
      const fill = "head -c 1000000 /dev/zero";
      expect(await run(ten, `mkdir h && ${fill} > h/file && chmod 000 h`)).toBe("");
      expect(await run(ten, `mkdir "$(printf 'd\\377')" && ${fill} > "$(printf 'd\\377/f')"`)).toBe(
        "",
      );
      expect(
        await run(ten, `${fill} > /tmp/file && ${fill} > "$(dirname $SOCKET_PATH)/file"`),
      ).toBe("");
      const { at_least: atLeast, used_bytes: after } = await measure(ten);
      expect(after - before).toBeGreaterThan(4_000_000);
      expect(atLeast).toBe(false);
    }));

  test("deletes read-only and hidden directories with --purge, and what a deep /tmp holds", () =>
    withTen({ configText: configWith(WALLED), ...place }, async (ten) => {
      await ten.must("spawn", "app:alice");
      const modules = "mkdir -p go/pkg/mod/x h/below && touch go/pkg/mod/x/file h/below/file";
      expect(await run(ten, `${modules} && chmod -R a-w go && chmod 000 h`)).toBe("");
      const dive = "i=0; while [ $i -lt 2000 ]; do mkdir d && cd -P ./d; i=$((i+1)); done";
      expect(await run(ten, `cd /tmp && ${dive}`)).toBe("");
      await ten.must("rm", "--purge", "app:alice");
      expect(existsSync(directoryOf(ten))).toBe(false);
      expect(await ten.instance("app:alice")).toBeNull();
      await until("the trash is empty", () => trashOf(ten).length === 0);
    }));

  test("keeps nothing without storage_persist, whatever the modes", () =>
    withTen(
      { configText: configWith(`${WALLED}\nstorage_persist = false`), ...place },
      async (ten) => {
        await ten.must("spawn", "app:alice");
        await run(ten, "mkdir -p a/b && touch a/b/file && chmod 500 a/b a . ");
        await ten.must("stop", "app:alice");
        expect(existsSync(directoryOf(ten))).toBe(false);
        await until("the trash is empty", () => trashOf(ten).length === 0);
      },
    ));
});

describe.skipIf(!isRoot || isMissing(GCC))("a deletion", () => {
  test("that a killed server has begun is done by the next one", () =>
    withTen({ configText: configWith(WALLED) }, async (ten) => {
      await ten.must("spawn", "app:alice");
      const many = "for i in 1 2 3 4 5 6 7 8; do mkdir $i && (cd $i && touch $(seq 2000)); done";
      expect(await run(ten, `cd /tmp && ${many}`)).toBe("");
      await ten.must("stop", "app:alice");
      await ten.kill9();
      await ten.start();
      await until("the trash is empty", () => trashOf(ten).length === 0);
    }));

  test("that leaves a file names it, and keeps the instance until a purge succeeds", () =>
    withTen({ configText: configWith(WALLED) }, async (ten) => {
      await ten.must("spawn", "app:alice");
      const mounted = join(directoryOf(ten), "mounted");
      await run(ten, "mkdir mounted");
      Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", mounted]);
      try {
        writeFileSync(join(mounted, "file"), "");
        const { exitCode, stderr } = await ten.ten("rm", "--purge", "app:alice");
        expect(exitCode).toBe(1);
        expect(stderr).toContain(`Cannot remove "app:alice": its files can't be deleted: `);
        expect(stderr).toContain(mounted);
        expect(await ten.instance("app:alice")).toMatchObject({ state: "disabled" });
      } finally {
        Bun.spawnSync(["umount", mounted]);
      }
      await ten.must("rm", "--purge", "app:alice");
      expect(await ten.instance("app:alice")).toBeNull();
      expect(existsSync(directoryOf(ten))).toBe(false);
    }));
});
