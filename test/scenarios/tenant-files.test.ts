// Files that tenants make hard to measure and to delete: hidden, read-only, deep, oddly named, many.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StorageAnswer } from "../../src/control/wire/instances.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { SHELL_COMMAND, WALLED_COMMAND } from "../support/tenants/command.ts";
import { E2FSPROGS, GCC, isMissing } from "../support/tool.ts";
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

describe.skipIf(!isRoot || isMissing(GCC) || isMissing(E2FSPROGS))("a hard quota", () => {
  const MIB = 1024 ** 2;
  const hard = `${WALLED}\nstorage_quota_mb = 16\nstorage_enforce = "hard"`;
  const FULL = /No space left on device/;

  /** Blocks on the host's disk below a directory. */
  async function takes(path: string): Promise<number> {
    const { stdout } = Bun.spawnSync(["du", "-s", "-x", "-k", path]);
    return Number(stdout.toString().split("\t")[0]) * 1024;
  }

  test("includes the temporary directories and that of the socket, which each start empties", () =>
    withTen({ configText: configWith(hard) }, async (ten) => {
      await ten.must("spawn", "app:alice");
      for (const place of ["/tmp", "/var/tmp", '"$(dirname "$SOCKET_PATH")"']) {
        expect(await run(ten, `head -c 40000000 /dev/zero > ${place}/big`)).toMatch(FULL);
      }
      expect(await run(ten, "head -c 1000000 /dev/zero > big")).toMatch(FULL);
      expect(await takes(ten.dataDir)).toBeLessThan(20 * MIB);
      expect((await measure(ten)).used_bytes).toBeGreaterThan(15 * MIB);
      await ten.must("restart", "app:alice");
      expect(await run(ten, 'ls -A /tmp /var/tmp "$(dirname "$SOCKET_PATH")"')).not.toContain(
        "big",
      );
      expect(await run(ten, "ls")).toBe("big\n");
      expect(await run(ten, "head -c 5000000 /dev/zero > more && ls")).toBe("big\nmore\n");
      await ten.must("stop", "app:alice");
      expect(readdirSync(directoryOf(ten))).toEqual([]);
    }));

  test("that is used up does not keep an instance from starting, nor from being replaced", () =>
    withTen({ configText: configWith(hard) }, async (ten) => {
      await ten.must("spawn", "app:alice");
      expect(await run(ten, "head -c 40000000 /dev/zero > big")).toMatch(FULL);
      const small = "i=0; while head -c 1 /dev/zero > small$i; do i=$((i+1)); done";
      expect(await run(ten, small)).toMatch(FULL);
      await ten.must("restart", "app:alice");
      await ten.must("rollout", "app");
      expect(await run(ten, "rm big small* && ls")).toBe("");
    }));

  test("lets an instance listen in its own directory", () =>
    withTen(
      {
        configText: `[service.app]\ncommand = "${WALLED_COMMAND}"\n${hard}\nenv = { SOCKET = "1" }\nsocket = "{data_dir}/{name}/{id}/own.sock"\n`,
      },
      async (ten) => {
        await ten.must("spawn", "app:alice");
        expect((await ten.get(HOST, "/")).text).toBe("hello from alice");
        await ten.kill9();
        await ten.start();
        expect((await ten.get(HOST, "/")).text).toBe("hello from alice");
      },
    ));
});
