import { expect, test } from "bun:test";
import { Client } from "../../src/control/client/client.ts";
import { Load } from "../support/load.ts";
import { livingMarks } from "../support/remains.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

const PER_SECOND = 500;
const INSTANCES = Array.from({ length: 20 }, (_, n) => `t${n}`);
const configText = appConfig('health = "/health"\nidle_timeout = 0');

async function processesOf(ten: Ten, ids: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(ids.map((id) => ten.get(`${id}.app.localhost`, "/process")));
  return answers.map(({ text }) => text);
}

test("a rollout of 20 instances under load fails no request", () =>
  withTen({ configText }, async (ten) => {
    await ten.must("spawn", ...INSTANCES.map((id) => `app:${id}`));
    const before = await processesOf(ten, INSTANCES);
    const hosts = ["app.localhost", ...INSTANCES.map((id) => `${id}.app.localhost`)];
    await using load = new Load({ port: ten.port, hosts, perSecond: PER_SECOND, path: "/slow" });
    await load.more(PER_SECOND);
    const told = await ten.must("rollout", "app", "--parallel", "2");
    await load.more(PER_SECOND);
    await load.stop();
    expect(load.failures).toEqual([]);
    const after = await processesOf(ten, INSTANCES);
    expect(after.filter((each) => before.includes(each))).toEqual([]);
    expect(told.trim().split("\n")).toHaveLength(INSTANCES.length);
    for (const each of [...before, ...after]) expect(load.answers.get(each)).toBeGreaterThan(0);
  }));

// The level namespace is covered by the other tests, where the system has it.
const OPENLY = 'isolation = "process"';

test('a rollout with rollout = "replace" makes requests wait and fails none', () =>
  withTen(
    { configText: appConfig(`idle_timeout = 0\n${OPENLY}\nrollout = "replace"`) },
    async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      const before = await processesOf(ten, ["a", "b"]);
      await using load = new Load({
        port: ten.port,
        hosts: ["a.app.localhost", "b.app.localhost"],
        perSecond: PER_SECOND,
        path: "/slow",
      });
      await load.more(PER_SECOND);
      await ten.must("rollout", "app");
      await load.more(PER_SECOND);
      await load.stop();
      expect(load.failures).toEqual([]);
      expect((await processesOf(ten, ["a", "b"])).filter((each) => before.includes(each))).toEqual(
        [],
      );
    },
  ));

test("a deploy, a route and a route back under load fail no request", () =>
  withTen({ configText }, async (ten) => {
    await ten.must("spawn", "app:v1");
    const load = new Load({ port: ten.port, hosts: ["app.localhost"], perSecond: PER_SECOND });
    await load.more(PER_SECOND);
    await ten.must("deploy", "app:v2", "--weight", "50");
    await load.more(PER_SECOND);
    expect([...load.answers.keys()].sort()).toEqual(["hello from v1", "hello from v2"]);
    for (const [from, to] of [
      ["v1", "v2"],
      ["v2", "v1"],
    ] as const) {
      await ten.must("route", "app", "--from", from, "--to", to);
      load.answers.clear();
      await load.more(PER_SECOND);
      expect(await ten.get("app.localhost", "/")).toMatchObject({ text: `hello from ${to}` });
      expect((await ten.instance(`app:${from}`))?.state).toBe("asleep");
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    const weights = async () => [
      (await ten.instance("app:v1"))?.weight,
      (await ten.instance("app:v2"))?.weight,
    ];
    expect(await weights()).toEqual([100, 0]);
    await ten.restart();
    expect(await weights()).toEqual([100, 0]);
  }));

test("a rollout goes on when its client disconnects", () =>
  withTen({ configText }, async (ten) => {
    const ids = ["a", "b", "c"];
    await ten.must("spawn", ...ids.map((id) => `app:${id}`));
    const before = await processesOf(ten, ids);
    const client = new Client({ kind: "unix", path: `${ten.dataDir}/tenement.sock` });
    for await (const { kind } of client.rollout({ process: "app" })) if (kind === "begun") break;
    await until("it is on record", async () => {
      const trail = await client.call("listAudit", { query: { limit: "1" } });
      return trail.some(({ action, outcome }) => action === "rollout" && outcome === "done");
    });
    expect((await processesOf(ten, ids)).filter((each) => before.includes(each))).toEqual([]);
  }));

test("restart-server during a rollout fails no request and leaves one process per instance", () =>
  withTen({ configText: appConfig(`idle_timeout = 0\n${OPENLY}`) }, async (ten) => {
    const ids = ["a", "b", "c", "d"];
    await ten.must("spawn", ...ids.map((id) => `app:${id}`));
    const hosts = ids.map((id) => `${id}.app.localhost`);
    await using load = new Load({ port: ten.port, hosts, perSecond: 300, path: "/slow" });
    await load.more(300);
    const client = new Client({ kind: "unix", path: `${ten.dataDir}/tenement.sock` });
    const rollout = client.rollout({ process: "app" });
    for await (const { kind } of rollout) if (kind === "replaced") break;
    await ten.must("restart-server");
    await load.more(300);
    await load.stop();
    expect(load.failures).toEqual([]);
    await until("one process is left of each", async () => {
      const own = new Set(livingMarks().filter((mark) => mark.startsWith(`${ten.dataDir}/`)));
      return own.size === ids.length;
    });
  }));

test("a failed deploy changes nothing and prints the log of the version", () =>
  withTen({ configText }, async (ten) => {
    await ten.must("spawn", "app:v1");
    const before = await ten.must("ps", "-a", "--json");
    const failed = await ten.ten("deploy", "app:broken");
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain("exited with code 1");
    expect(failed.stderr).toContain("no such table");
    const ids = (text: string) => (JSON.parse(text) as { id: string }[]).map(({ id }) => id);
    expect(ids(await ten.must("ps", "-a", "--json"))).toEqual(ids(before));
    expect((await ten.instance("app:v1"))?.weight).toBe(100);
  }));

test("a WebSocket stays on the old process until that closes it, and the next one reaches the new process", () =>
  withTen({ configText: appConfig(OPENLY) }, async (ten) => {
    await ten.must("spawn", "app:a");
    const host = "a.app.localhost";
    const [old] = await processesOf(ten, ["a"]);
    const socket = ten.webSocket(host, "/socket");
    const processOn = async (client: typeof socket) => {
      client.send("process");
      return await client.next();
    };
    expect(await processOn(socket)).toBe(old);
    // An open request keeps the old process alive once the new one serves.
    const held = await ten.open(host, "/silence");
    held.on("error", () => undefined).resume();
    const rollout = ten.must("rollout", "app");
    const next = await until("the new process serves", async () => {
      const [each] = await processesOf(ten, ["a"]);
      return each !== old && each;
    });
    expect(await processOn(socket)).toBe(old);
    held.destroy();
    await socket.closed();
    await rollout;
    await using again = ten.webSocket(host, "/socket");
    expect(await processOn(again)).toBe(next);
  }));

test("service-level routing passes over an instance that fails to start and wakes one that sleeps", () =>
  withTen({ configText }, async (ten) => {
    await ten.must("spawn", "app:good", "app:broken", "--no-start");
    for (let request = 0; request < 20; request++) {
      const { status, text } = await ten.get("app.localhost", "/");
      expect({ status, text }).toEqual({ status: 200, text: "hello from good" });
    }
    expect((await ten.instance("app:broken"))?.state).not.toBe("asleep");
  }));
