import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { isWalledUser } from "../../src/core/user-id-ranges.ts";
import { tableName } from "../../src/isolation/firewall/firewall-tables.ts";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing, NFTABLES } from "../support/tool.ts";
import { until } from "../support/until.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

const configText = `
[service.port]
command = "${WALLED_COMMAND}"
isolation = "namespace"
read_paths = ["${ROOT}"]
[service.socket]
command = "${WALLED_COMMAND}"
isolation = "namespace"
read_paths = ["${ROOT}"]
env = { SOCKET = "1" }
`;

interface Facts {
  readonly uid: number;
  readonly pid: number;
  readonly namespace: string;
  readonly hostname: string;
  readonly processes: number;
}

const ALICE = "alice.port.localhost";
const BOB = "bob.socket.localhost";

async function factsOf(ten: Ten, host: string): Promise<Facts> {
  const { status, text } = await ten.get(host, "/facts");
  if (status !== 200) throw new Error(text);
  return JSON.parse(text) as Facts;
}

async function look(ten: Ten, host: string, path: string): Promise<string> {
  return (await ten.get(host, `/look?path=${encodeURIComponent(path)}`)).text;
}

/** Living processes of a pid namespace, seen from outside. */
function membersOf(namespace: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`) === namespace && startTimeOf(Number(pid)) !== null;
    } catch {
      return false;
    }
  });
}

describe.skipIf(!isRoot || isMissing(GCC))("tenants behind walls", () => {
  test("serve over a port and over a socket, each with its own user and namespaces", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice", "socket:bob");
      const [alice, bob] = [await factsOf(ten, ALICE), await factsOf(ten, BOB)];
      expect([alice.uid, bob.uid].map(isWalledUser)).toEqual([true, true]);
      expect(alice.uid).not.toBe(bob.uid);
      expect(alice.namespace).not.toBe(bob.namespace);
      expect(alice.namespace).not.toBe(readlinkSync("/proc/self/ns/pid"));
      expect(alice.hostname).toBe("alice");
      expect(alice.processes).toBeLessThan(10);
    }));

  test("can listen on their socket wherever it is configured, also when an old socket is there", () =>
    withTen({ configText }, async (ten) => {
      for (const socket of ["/tmp/{id}.sock", "{data_dir}/{name}/{id}/own.sock"]) {
        await ten.stop();
        ten.reconfigure((text) => text.replaceAll(/^socket = .*$/gm, `socket = "${socket}"`));
        await ten.start();
        for (let round = 0; round < 2; round++) {
          await ten.must("spawn", "socket:bob");
          expect((await ten.get(BOB, "/")).text).toBe("hello from bob");
          await ten.ten("stop", "socket:bob");
        }
      }
    }));

  test("can't read files of each other or the server, and keep their own across a sleep", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice", "socket:bob");
      await ten.get(ALICE, "/write?text=alices");
      await ten.get(BOB, "/write?text=bobs");
      const { dataDir } = ten;
      expect(await look(ten, ALICE, `${dataDir}/port/alice/journal`)).toBe("alices");
      expect(await look(ten, ALICE, `${dataDir}/socket/bob/journal`)).toBe("ENOENT");
      expect(await look(ten, ALICE, `${dataDir}/tenement.db`)).toBe("ENOENT");
      expect(await look(ten, ALICE, dataDir)).toBe("port");
      expect(isWalledUser(statSync(`${dataDir}/port/alice/journal`).uid)).toBe(true);
      const { uid } = await factsOf(ten, ALICE);
      await ten.must("sleep", "port:alice");
      expect(await look(ten, ALICE, `${dataDir}/port/alice/journal`)).toBe("alices");
      expect((await factsOf(ten, ALICE)).uid).toBe(uid);
    }));

  test("can start in their data directory, which they own", () =>
    withTen({ configText, service: { workdir: "{data_dir}/{name}/{id}" } }, async (ten) => {
      await ten.must("spawn", "port:alice");
      expect((await factsOf(ten, ALICE)).hostname).toBe("alice");
    }));

  test("leave no process when they stop, also none in a session of its own", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice");
      await ten.get(ALICE, "/daemon");
      const { namespace } = await factsOf(ten, ALICE);
      await until("the daemon runs", () => membersOf(namespace).length >= 3);
      await ten.must("stop", "port:alice");
      expect(membersOf(namespace)).toEqual([]);
      expect(readdirSync(`${ten.dataDir}/.walls/port`)).toEqual([]);
    }));

  test("outlive a killed server, and the next one learns their exit", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice", "socket:bob");
      const before = [await ten.instance("port:alice"), await ten.instance("socket:bob")];
      await ten.kill9();
      await ten.start();
      const after = [await ten.instance("port:alice"), await ten.instance("socket:bob")];
      expect(after.map((each) => each?.pid)).toEqual(before.map((each) => each?.pid));
      expect((await ten.get(BOB, "/")).text).toBe("hello from bob");
      for (const host of [ALICE, BOB]) await ten.get(host, "/exit?code=7").catch(() => null);
      const story = await until("the exit is known", async () => {
        const text = await ten.must("why", "port:alice", "--json");
        return text.includes("exited with code 7") && text;
      });
      expect(story).not.toContain("another server");
    }));

  test("are not adopted when their walls have changed", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice");
      const { namespace } = await factsOf(ten, ALICE);
      await ten.kill9();
      ten.reconfigure((text) => text.replaceAll('"namespace"', '"process"'));
      await ten.start();
      expect(membersOf(namespace)).toEqual([]);
      expect((await factsOf(ten, ALICE)).uid).toBe(0);
    }));

  test("own the files that they wrote without walls", () =>
    withTen({ configText }, async (ten) => {
      const relevel = async (from: string, to: string) => {
        await ten.stop();
        ten.reconfigure((text) => text.replaceAll(`"${from}"`, `"${to}"`));
        await ten.start();
      };
      await ten.must("spawn", "port:alice");
      await relevel("namespace", "process");
      await ten.must("start", "port:alice");
      await ten.get(ALICE, "/write?text=open");
      expect(statSync(`${ten.dataDir}/port/alice/journal`).uid).toBe(0);
      await relevel("process", "namespace");
      await ten.must("start", "port:alice");
      expect((await ten.get(ALICE, "/write?text=,walled")).text).toBe("written");
      expect(await look(ten, ALICE, `${ten.dataDir}/port/alice/journal`)).toBe("open,walled");
    }));

  test("can't redirect the server to another socket", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "socket:bob");
      await ten.get(BOB, `/redirect-socket?to=${ten.dataDir}/tenement.sock`);
      // The next server has no connection to the instance yet.
      await ten.kill9();
      await ten.start();
      expect((await ten.get(BOB, "/health")).text).toBe("hello from bob");
    }));

  test.skipIf(isMissing(NFTABLES))(
    "reach their own port and the host's, but no port of another tenant",
    () =>
      withTen({ configText }, async (ten) => {
        await using host = Bun.serve({
          port: 0,
          hostname: "127.0.0.1",
          fetch: () => new Response(),
        });
        await ten.must("spawn", "port:alice", "port:carol");
        const reach = async (from: string, port: number | null | undefined) =>
          (await ten.get(`${from}.port.localhost`, `/reach?port=${port}`)).text;
        const [alice, carol] = [await ten.instance("port:alice"), await ten.instance("port:carol")];
        const check = async () => {
          expect(await reach("alice", alice?.port)).toBe("connected");
          expect(await reach("alice", host.port)).toBe("connected");
          expect(await reach("alice", carol?.port)).toBe("refused");
          expect(await reach("carol", alice?.port)).toBe("refused");
        };
        await check();
        await ten.kill9();
        await ten.start();
        await check();
        await ten.stop();
        const tables = Bun.spawnSync(["nft", "list", "tables"]).stdout.toString();
        expect(tables).not.toContain(tableName(ten.dataDir));
      }),
  );

  test("start where the firewall is unavailable, and ten ps says so", () =>
    withTen({ configText, prefix: ["setpriv", "--bounding-set", "-net_admin"] }, async (ten) => {
      await ten.must("spawn", "port:alice", "port:carol");
      const printed = await ten.must("ps");
      expect(printed).toContain(
        "walls missing around 2 instances: they reach other tenants' ports",
      );
      const { port } = (await ten.instance("port:carol")) ?? {};
      expect((await ten.get(ALICE, `/reach?port=${port}`)).text).toBe("connected");
    }));

  test("whose working directory is inaccessible are refused with the permission to set", () =>
    withTen({ configText }, async (ten) => {
      const closed = join(ten.root, "app");
      chmodSync(closed, 0o700);
      const { exitCode, stderr } = await ten.ten("spawn", "port:alice");
      expect(exitCode).toBe(1);
      expect(stderr).toMatch(new RegExp(`^error: .* may not enter ${closed}$`, "m"));
      expect(stderr).toContain(`hint: chmod o+x ${closed}\n`);
    }));

  test("whose program is hidden are refused with the path to add to read_paths", () =>
    withTen(
      { configText: `[service.shy]\ncommand = "/run/ten-shy/bin/true"\nisolation = "namespace"\n` },
      async (ten) => {
        using _ = hiddenProgram("/run/ten-shy/bin");
        const { exitCode, stderr } = await ten.ten("spawn", "shy:a");
        expect(exitCode).toBe(1);
        expect(stderr).toContain('hint: Add read_paths = ["/run/ten-shy"] to [service.shy]\n');
      },
    ));

  test("whose walls fail are refused with the reason", () =>
    withTen(
      {
        configText: `${configText}socket = "/proc/none/{id}.sock"\n`,
        settings: { max_restarts: 0 },
      },
      async (ten) => {
        const { stderr } = await ten.ten("spawn", "socket:bob");
        expect(stderr).toContain("did not run: ");
      },
    ));
});

function hiddenProgram(directory: string): Disposable {
  mkdirSync(directory, { recursive: true });
  copyFileSync("/bin/true", join(directory, "true"));
  chmodSync(join(directory, "true"), 0o755);
  return { [Symbol.dispose]: () => void Bun.spawnSync(["rm", "-r", join(directory, "..")]) };
}
