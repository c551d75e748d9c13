import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { StorageAnswer } from "../../src/control/wire/instances.ts";
import { listMounts } from "../../src/platform/mounts.ts";
import { isAttached } from "../../src/storage/volume-image.ts";
import { ROOT } from "../support/executable.ts";
import { endTenants } from "../support/remains.ts";
import { fetchReply } from "../support/request.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { STORING_COMMAND, WALLED_COMMAND } from "../support/tenants/command.ts";
import { E2FSPROGS, GCC, isMissing } from "../support/tool.ts";
import { until } from "../support/until.ts";

const MIB = 1024 ** 2;
const ALICE = "alice.app.localhost";

function configWith(keys: string): string {
  const idle = keys.includes("idle_timeout") ? "" : "idle_timeout = 0\n";
  return `[service.app]\ncommand = "${STORING_COMMAND}"\n${idle}${keys}\n`;
}

/** Measures an instance now. */
async function measure(ten: Ten, ref = "app:alice"): Promise<StorageAnswer> {
  const path = `/api/instances/${ref}/storage`;
  const token = /^ {2}(\S+)$/m.exec(await ten.must("token-gen"))?.[1];
  const headers = { Authorization: `Bearer ${token}` };
  const reply = await fetchReply({ port: ten.port, host: "localhost", path }, { headers });
  expect(reply.status).toBe(200);
  return reply.json<StorageAnswer>();
}

async function write(ten: Ten, name: string, mib: number): Promise<string> {
  return (await ten.get(ALICE, `/write?name=${name}&mib=${mib}`)).text;
}

async function notesOf(ten: Ten): Promise<string[]> {
  const { stdout } = await ten.ten("logs", "app:alice");
  return stdout.split("\n").filter((line) => / server \S+ storage/.test(line));
}

describe("a quota", () => {
  test("that is exceeded is reported by the log, the server, ps, why and the metrics", () =>
    withTen({ configText: configWith("storage_quota_mb = 10") }, async (ten) => {
      await ten.must("spawn", "app:alice");
      expect(await write(ten, "a", 9)).toBe("written");
      expect((await measure(ten)).usage_percent).toBeGreaterThan(89);
      const told = "app:alice: storage fills up: 9.0 of 10.0 MiB (90 %)";
      await until("the server says so", () => ten.output.includes(told));
      expect(await notesOf(ten)).toHaveLength(1);
      expect(await write(ten, "b", 2)).toBe("written");
      await measure(ten);
      expect(await notesOf(ten)).toHaveLength(2);
      const over = "storage is over its quota: 11.0 of 10.0 MiB (110 %)";
      expect(await ten.must("ps")).toContain(over);
      expect(await ten.must("why", "app:alice")).toContain(over);
      expect((await ten.instance("app:alice"))?.state).toBe("running");
      const { stdout: token } = await ten.ten("token-gen", "--json");
      const { token: bearer } = JSON.parse(token) as { token: string };
      const reply = await fetchReply(
        { port: ten.port, host: "localhost", path: "/metrics" },
        { headers: { Authorization: `Bearer ${bearer}` } },
      );
      const labels = '{service="app",instance="alice"}';
      expect(reply.text).toContain(`ten_instance_storage_quota_bytes${labels} ${10 * MIB}`);
      expect(reply.text).toMatch(
        /^ten_instance_storage_bytes\{service="app",instance="alice"\} 11\d{6}$/m,
      );
    }));

  test("that stops the instance gives the reason and refuses requests until an operator starts it", () =>
    withTen(
      { configText: configWith('storage_quota_mb = 10\nstorage_enforce = "stop"') },
      async (ten) => {
        await ten.must("spawn", "app:alice");
        expect(await write(ten, "a", 12)).toBe("written");
        const { path } = await measure(ten);
        const over = "storage is over its quota: 12.0 of 10.0 MiB (120 %)";
        expect(await ten.untilState("app:alice", "stopped")).toMatchObject({ reason: over });
        expect((await ten.get(ALICE, "/")).status).toBe(503);
        expect(await ten.must("ps")).toContain(over);
        expect(await ten.must("why", "app:alice")).toContain(over);
        expect(await ten.must("audit")).toContain(over);
        await ten.restart();
        expect(await ten.instance("app:alice")).toMatchObject({ state: "stopped", reason: over });
        const refused = await ten.ten("start", "app:alice");
        expect(refused.exitCode).toBe(1);
        expect(refused.stderr).toContain(`error: Cannot start "app:alice": its ${over}`);
        expect(refused.stderr).toContain("hint: ");
        rmSync(`${path}/a`);
        await ten.must("start", "app:alice");
        expect((await ten.get(ALICE, "/")).status).toBe(200);
      },
    ));
});

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

describe.skipIf(!isRoot || isMissing(E2FSPROGS) || isMissing(GCC))("a hard quota", () => {
  const walled = `isolation = "namespace"\nread_paths = ["${ROOT}"]`;
  const hard = (mib: number) => `storage_quota_mb = ${mib}\nstorage_enforce = "hard"`;

  const directoryOf = (ten: Ten, id = "alice") => join(ten.dataDir, "app", id);
  const mountOf = (ten: Ten, id?: string) =>
    listMounts().find(({ path }) => path === directoryOf(ten, id)) ?? null;
  const imageOf = (ten: Ten, id = "alice") => join(ten.dataDir, ".volumes/app", `${id}.image`);
  const unmounted = (ten: Ten, id?: string) =>
    until("its volume is unmounted", () => mountOf(ten, id) === null);

  async function list(ten: Ten): Promise<string[]> {
    return (await ten.get(ALICE, "/list")).json<string[]>();
  }

  /** Writes files of 1 MiB until the volume is full. */
  async function fill(ten: Ten): Promise<{ written: number; end: string }> {
    for (let written = 0; written < 100; written++) {
      const end = await write(ten, `fill${written}`, 1);
      if (end !== "written") return { written, end };
    }
    throw new Error("There is always room");
  }

  test.each([
    ["process", ""],
    ["namespace", walled],
  ])("limits the writes of a tenant at level %s, and of no other", (_, keys) =>
    withTen({ configText: configWith(`${keys}\n${hard(16)}`) }, async (ten) => {
      await ten.must("spawn", "app:alice", "app:bob");
      const { written, end } = await fill(ten);
      expect(end).toBe("ENOSPC");
      expect(written).toBeGreaterThan(10);
      expect(written).toBeLessThan(16);
      const bob = await ten.get("bob.app.localhost", "/write?name=a&mib=5");
      expect(bob.text).toBe("written");
      expect(mountOf(ten)?.options).toEqual(expect.arrayContaining(["nosuid", "nodev"]));
      expect(statSync(directoryOf(ten)).mode & 0o777).toBe(0o700);
      // The remaining space is too little for a large file, not for small ones.
      for (let index = 0; (await write(ten, `small${index}`, 1 / 32)) === "written"; index++);
      await measure(ten);
      expect(await ten.must("ps")).toContain("storage is full: ");
    }),
  );

  test("keeps files across a sleep, a kill and a stop of the server, and is unmounted at rest", () =>
    withTen({ configText: configWith(`${walled}\n${hard(16)}`) }, async (ten) => {
      await ten.must("spawn", "app:alice", "app:bob");
      expect(await write(ten, "kept", 1)).toBe("written");
      await ten.must("sleep", "app:alice");
      await unmounted(ten);
      // The other tenant, started meanwhile, doesn't keep it mounted.
      await until("its device is free", () => !isAttached(imageOf(ten)));
      expect(readdirSync(directoryOf(ten))).toEqual([]);
      expect(await list(ten)).toContain("kept");

      const { text: pid } = await ten.get(ALICE, "/");
      await ten.kill9();
      expect(mountOf(ten)).not.toBeNull();
      await ten.start();
      expect((await ten.get(ALICE, "/")).text).toBe(pid);
      expect(await list(ten)).toContain("kept");

      await ten.stop();
      expect(mountOf(ten)).toBeNull();
      await ten.start();
      expect(await list(ten)).toContain("kept");
    }));

  test("unmounts the volume of a tenant that died with the server at the next start", () =>
    withTen({ configText: configWith(hard(16)) }, async (ten) => {
      await ten.must("spawn", "app:alice");
      await ten.kill9();
      await endTenants(ten.dataDir);
      expect(mountOf(ten)).not.toBeNull();
      ten.reconfigure((text) => text.replace("idle_timeout = 0", "idle_timeout = 300"));
      await ten.start();
      await unmounted(ten);
      expect((await ten.get(ALICE, "/")).status).toBe(200);
    }));

  test("takes over existing files and grows with the quota", () =>
    withTen({ configText: configWith(`${walled}\nstorage_quota_mb = 16`) }, async (ten) => {
      await ten.must("spawn", "app:alice");
      expect(await write(ten, "before", 3)).toBe("written");
      await ten.stop();
      ten.reconfigure((text) => text.replace("storage_quota_mb = 16", hard(16)));
      await ten.start();
      expect(await list(ten)).toEqual(["before"]);
      expect((await ten.get(ALICE, "/read?name=before")).text).toStartWith("before");
      expect((await fill(ten)).written).toBeLessThan(13);
      await ten.stop();
      ten.reconfigure((text) => text.replace("storage_quota_mb = 16", "storage_quota_mb = 40"));
      await ten.start();
      // It grows at the first start that finds it released; another process of this host may hold it for a while.
      await until("it has grown", async () => {
        await ten.must("start", "app:alice");
        const { blocks, bsize } = statfsSync(directoryOf(ten));
        if (blocks * bsize > 30 * MIB) return true;
        await ten.must("stop", "app:alice");
        return false;
      });
      expect((await fill(ten)).written).toBeGreaterThan(15);
      expect(await list(ten)).toContain("before");
      // Without the limit the files stay in the volume.
      await ten.stop();
      ten.reconfigure((text) => text.replace('storage_enforce = "hard"', ""));
      await ten.start();
      expect(await list(ten)).toContain("before");
    }));

  test("loses no file when the server is killed while files move into the volume", () =>
    withTen({ configText: configWith(`idle_timeout = 300\n${hard(64)}`) }, async (ten) => {
      const names = Array.from({ length: 40 }, (_, index) => `file-${index}`);
      mkdirSync(directoryOf(ten), { recursive: true });
      for (const name of names) {
        writeFileSync(join(directoryOf(ten), name), Buffer.alloc(MIB, name));
      }
      const draft = imageOf(ten).replace(/image$/, "draft");
      const isDone = () => existsSync(imageOf(ten));
      const moments = [
        () => existsSync(draft),
        () => listMounts().some(({ path }) => path === `${draft}.d`),
        () => names.some((name) => existsSync(join(`${draft}.d`, name))),
        () => names.every((name) => existsSync(join(`${draft}.d`, name))),
        isDone,
      ];
      // A moment that passes unseen is followed by the next one; the files must be whole after each kill.
      for (const isReached of moments) {
        const spawned = ten.ten("spawn", "app:alice");
        while (!isReached() && !isDone()) await setImmediate();
        await ten.kill9();
        await spawned;
        await ten.start();
      }
      await ten.must("spawn", "app:alice");
      expect(mountOf(ten)).not.toBeNull();
      expect((await list(ten)).sort()).toEqual([...names].sort());
      for (const name of names) {
        expect(readFileSync(join(directoryOf(ten), name))).toEqual(Buffer.alloc(MIB, name));
      }
      const files = readdirSync(join(ten.dataDir, ".volumes/app"));
      expect(files).toEqual(["alice.image"]);
    }));

  test("may hold the socket of its tenant, which every next server reaches as well", () => {
    const configText = `[service.app]
command = "${WALLED_COMMAND}"
isolation = "namespace"
read_paths = ["${ROOT}"]
env = { SOCKET = "1" }
socket = "{data_dir}/{name}/{id}/own.sock"
${hard(16)}
`;
    return withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:alice");
      const answer = async () => (await ten.get(ALICE, "/")).text;
      const { pid } = (await ten.instance("app:alice")) ?? {};
      expect(await answer()).toBe("hello from alice");
      await ten.must("restart-server");
      expect(await answer()).toBe("hello from alice");
      await ten.kill9();
      await ten.start();
      expect(await answer()).toBe("hello from alice");
      expect((await ten.instance("app:alice"))?.pid).toBe(pid ?? 0);
      await ten.must("stop", "app:alice");
      await unmounted(ten);
    });
  });

  test("is removed with --purge, and is refused when too small for the existing files", () =>
    withTen({ configText: configWith(hard(16)) }, async (ten) => {
      await ten.must("spawn", "app:alice");
      await ten.must("rm", "--purge", "app:alice");
      expect([directoryOf(ten), imageOf(ten)].filter((path) => existsSync(path))).toEqual([]);
      expect(mountOf(ten)).toBeNull();

      mkdirSync(directoryOf(ten), { recursive: true });
      writeFileSync(join(directoryOf(ten), "big"), Buffer.alloc(20 * MIB, "x"));
      const refused = await ten.ten("spawn", "app:alice");
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain("No space left on device");
      expect(statSync(join(directoryOf(ten), "big")).size).toBe(20 * MIB);
      expect(mountOf(ten)).toBeNull();
      expect(existsSync(imageOf(ten))).toBe(false);
    }));
});
