import { describe, expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { InstanceError } from "../../../../src/core/failure.ts";
import type { Config, Service } from "../../../../src/core/service.ts";
import type { ChildRecord } from "../../../../src/database/instances.ts";
import { takeOver } from "../../../../src/supervisor/handover/takeover.ts";
import { Reloader } from "../../../../src/supervisor/rollout/reloader.ts";
import type { FakeWorldOptions } from "../../../support/fake-world.ts";
import { ALICE, childOf, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

/** A server whose configuration can be changed and reloaded. */
function open(options: FakeWorldOptions = {}) {
  const world = openWorld(options);
  let wanted: Config = world.supervisor.config;
  const reloader = new Reloader({ supervisor: world.supervisor, load: async () => wanted });
  return {
    ...world,
    reloader,
    configure: (change: Partial<Config>) => {
      wanted = { ...wanted, ...change };
    },
    /** Changes keys of a service. */
    change: (name: string, keys: Partial<Service>) => {
      const services = new Map(wanted.services);
      const service = services.get(name);
      if (service === undefined) throw new Error(`There is no service ${name}`);
      wanted = { ...wanted, services: services.set(name, { ...service, ...keys }) };
    },
    remove: (name: string) => {
      const services = new Map(wanted.services);
      services.delete(name);
      wanted = { ...wanted, services };
    },
    /** Starts an instance and waits until it serves. */
    run: async (id: string, service = "notes") => {
      const actor = world.register(id, service);
      actor.send({ kind: "wake", cause: "operator" });
      await world.ready();
      expect(actor.instance.state.kind).toBe("running");
      return actor;
    },
  };
}

type Server = ReturnType<typeof open>;

/** Reloads while the clock goes on. */
async function reload({ reloader, clock }: Server) {
  const outcome = reloader.reload();
  await clock.advance(100);
  return await outcome;
}

test("keys that shape no process take effect at once, without a restart", async () => {
  const server = open();
  const alice = await server.run("alice");
  server.change("notes", { idleTimeoutMs: 1000, requestTimeoutMs: 7 });
  const { plan, replaced } = await reload(server);
  expect(plan.changed).toEqual([
    { service: "notes", now: ["idle_timeout", "request_timeout"], launch: [], start: [] },
  ]);
  expect(replaced).toEqual([]);
  expect(server.supervisor.service("notes").requestTimeoutMs).toBe(7);
  expect(server.spawned).toHaveLength(1);
  await server.clock.advance(1000);
  expect(alice.instance.state.kind).toBe("asleep");
});

test("keys that shape the process replace running processes, and apply to the next start of sleeping ones", async () => {
  const server = open();
  const alice = await server.run("alice");
  const bob = server.register("bob");
  server.change("notes", { env: { COLOR: "blue" } });
  const { replaced } = await reload(server);
  expect(replaced).toEqual([alice.ref]);
  expect(server.spawned).toHaveLength(2);
  expect(server.spawned[1]?.env).toMatchObject({ COLOR: "blue" });
  expect(server.spawned[0]?.signals).toEqual(["SIGTERM"]);
  expect(bob.instance.state.kind).toBe("asleep");
  bob.send({ kind: "wake", cause: "request" });
  await server.ready();
  expect(server.spawned[2]?.env).toMatchObject({ COLOR: "blue" });
});

test("a new process that is not ready in time is reported, and the old one keeps serving", async () => {
  const server = open({ services: [{ startupTimeoutMs: 50 }] });
  const alice = await server.run("alice");
  server.probes.answer = () => ({ kind: "unready", reason: "status 500" });
  server.change("notes", { argv: ["sleep", "2"] });
  const { failed, replaced } = await reload(server);
  expect(replaced).toEqual([]);
  expect(failed).toMatchObject([
    { subject: "notes:alice", reason: "not ready within 0.05 s: status 500" },
  ]);
  expect(alice.instance.state.kind).toBe("running");
  expect(alice.isOutdated).toBe(true);
  expect(server.spawned[0]?.signals).toEqual([]);
});

test("a new process that can't be launched is reported with its remedy", async () => {
  const server = open();
  await server.run("alice");
  server.change("notes", { argv: ["no-such-program"] });
  expect((await reload(server)).failed).toMatchObject([
    {
      subject: "notes:alice",
      reason: '"no-such-program" is not found on PATH',
      hint: "Install it, or correct command in [service.notes]",
      start: { ref: { service: "notes", id: "alice" }, error: expect.any(InstanceError) },
    },
  ]);
});

test("the next reload replaces the processes that the last one could not", async () => {
  const server = open({ services: [{ startupTimeoutMs: 50 }] });
  const alice = await server.run("alice");
  const { answer } = server.probes;
  server.probes.answer = () => ({ kind: "unready", reason: "status 500" });
  server.change("notes", { env: { A: "1" } });
  await reload(server);
  server.probes.answer = answer;
  expect((await reload(server)).replaced).toEqual([alice.ref]);
});

test("an unchanged service keeps its processes and its counters", async () => {
  const server = open({ services: [{}, { name: "wiki" }] });
  const alice = await server.run("alice");
  await server.run("alice", "wiki");
  server.supervisor.world.statistics.recordRequest(alice.ref, { status: 200, durationMs: 1 });
  server.change("wiki", { env: { A: "1" } });
  await reload(server);
  expect(server.spawned.map(({ signals }) => signals)).toEqual([[], ["SIGTERM"], []]);
  expect(server.supervisor.world.statistics.traffic.get("notes:alice")?.durations.count).toBe(1);
});

test("a removed service stops, and keeps its instances and weights for its return", async () => {
  const server = open({ services: [{}, { name: "wiki", idleTimeoutMs: 0 }] });
  const wiki = await server.run("alice", "wiki");
  server.operator.setWeight(wiki.ref, 30);
  const before = server.supervisor.config;
  server.remove("wiki");
  expect((await reload(server)).plan.removed).toEqual(["wiki"]);
  expect(server.spawned[0]?.signals).toEqual(["SIGTERM"]);
  expect(server.supervisor.find(wiki.ref)).toBeNull();
  expect(server.supervisor.decide({ hostname: "alice.wiki.localhost", path: "/" })).toEqual({
    kind: "unknown",
  });
  server.configure({ services: before.services });
  expect((await reload(server)).plan.added).toEqual(["wiki"]);
  await server.ready();
  const again = server.supervisor.get(wiki.ref);
  expect(again.weight).toBe(30);
  expect(again.instance.state.kind).toBe("running");
  expect(server.spawned).toHaveLength(2);
});

test("a removed service finishes its open requests", async () => {
  const server = open({ services: [{ stopTimeoutMs: 10_000 }] });
  const alice = await server.run("alice");
  const lease = alice.lease();
  server.remove("notes");
  const outcome = server.reloader.reload();
  await server.clock.advance(1000);
  expect(server.spawned[0]?.signals).toEqual([]);
  lease?.release();
  await outcome;
  expect(server.spawned[0]?.signals).toEqual(["SIGTERM"]);
});

test("a removed service is not started by an order that was under way", async () => {
  const server = open({ services: [{ stopTimeoutMs: 1000 }] });
  const alice = await server.run("alice");
  const lease = alice.lease();
  const restart = server.operator.restart(alice.ref).catch((error) => error);
  server.remove("notes");
  const outcome = server.reloader.reload();
  await server.settle();
  lease?.release();
  await server.clock.advance(100);
  await outcome;
  expect(await restart).toBeInstanceOf(TenError);
  expect(alice.instance.state.kind).toBe("stopped");
  expect(server.spawned.map(({ signals }) => signals)).toEqual([["SIGTERM"]]);
});

test("a failed instance starts again only when its service has changed", async () => {
  const server = open({ services: [{}, { name: "wiki" }] });
  const [notes, wiki] = [server.register("alice"), server.register("alice", "wiki")];
  server.spawner.failure = new Error("no such program");
  for (const actor of [notes, wiki]) actor.send({ kind: "wake", cause: "boot" });
  await server.clock.advance(600_000);
  expect([notes, wiki].map(({ instance }) => instance.state.kind)).toEqual(["failed", "failed"]);
  server.spawner.failure = null;
  server.change("notes", { argv: ["sleep", "3"] });
  await reload(server);
  await server.ready();
  expect([notes, wiki].map(({ instance }) => instance.state.kind)).toEqual(["running", "failed"]);
});

test("newly listed instances are registered and started, and listed ones stay as they are", async () => {
  const server = open({ instances: [{ service: "notes", id: "old" }] });
  server.register("old");
  server.configure({
    instances: ["old", "new"].map((id) => ({ service: "notes", id })),
  });
  await reload(server);
  const states = [...server.supervisor.actors()].map(({ ref, instance }) => [
    ref.id,
    instance.state.kind,
  ]);
  expect(Object.fromEntries(states)).toEqual({ old: "asleep", new: "running" });
});

test("routing changes at once", async () => {
  const server = open();
  const target = { service: "notes", id: null };
  const request = { hostname: "www.localhost", path: "/" };
  expect(server.supervisor.decide(request)).toEqual({ kind: "unknown" });
  server.configure({
    routing: { default: null, subdomain: new Map([["www", target]]), path: [] },
  });
  expect((await reload(server)).plan.routing).toEqual(["subdomain"]);
  expect(server.supervisor.decide(request)).toEqual({ kind: "service", service: "notes" });
});

test("an invalid configuration changes nothing", async () => {
  const { supervisor } = open();
  const before = supervisor.config;
  const mistake = new TenError("CONFIG_INVALID", "Cannot use it: everything is wrong");
  const reloader = new Reloader({ supervisor, load: () => Promise.reject(mistake) });
  await expect(reloader.reload()).rejects.toBe(mistake);
  await expect(reloader.plan()).rejects.toBe(mistake);
  expect(supervisor.config).toBe(before);
});

test("a plan changes nothing", async () => {
  const server = open();
  const before = server.supervisor.config;
  server.remove("notes");
  expect((await server.reloader.plan()).removed).toEqual(["notes"]);
  expect(server.supervisor.config).toBe(before);
});

test("changed settings reach their owners and the start queue", async () => {
  const server = open({ settings: { maxStarting: 1 } });
  const [first, second] = [server.register("one"), server.register("two")];
  server.probes.answer = () => ({ kind: "unready", reason: "not yet" });
  for (const actor of [first, second]) actor.send({ kind: "wake", cause: "operator" });
  expect(second.instance.state.kind).toBe("queued");
  const received: (readonly string[])[] = [];
  server.reloader.onSettings(({ trustedProxies }) => received.push(trustedProxies));
  const { settings } = server.supervisor.config;
  server.configure({ settings: { ...settings, maxStarting: 2, trustedProxies: ["10.0.0.1"] } });
  const { plan } = await reload(server);
  expect(plan.settings).toEqual(["max_starting", "trusted_proxies"]);
  expect(received).toEqual([["10.0.0.1"]]);
  expect(second.instance.state.kind).toBe("starting");
  await reload(server);
  expect(received).toHaveLength(1);
});

test("reloads run one after another", async () => {
  const server = open();
  const alice = await server.run("alice");
  server.change("notes", { env: { A: "1" } });
  const first = server.reloader.reload();
  const second = server.reloader.reload();
  await server.clock.advance(200);
  expect((await first).replaced).toEqual([alice.ref]);
  const { plan, replaced } = await second;
  expect({ changed: plan.changed, replaced }).toEqual({ changed: [], replaced: [] });
});

describe("a process that an earlier server launched", () => {
  /** A server that takes over after a crash while an instance ran. */
  async function takenOver(services: readonly Partial<Service>[]) {
    const earlier = open();
    await earlier.run("alice");
    const child = childOf(earlier);
    const server = open({ dataDir: earlier.dataDir, services });
    server.spawner.living.set(child.ref.pid, child);
    await takeOver(server.supervisor, server);
    return { server, alice: server.supervisor.get(ALICE) };
  }

  test("goes on with a warning for another configuration, until a reload replaces it", async () => {
    const { server, alice } = await takenOver([{ env: { COLOR: "blue" } }]);
    const warned = ["its configuration has changed since it started"];
    expect(server.operator.view(alice.ref)).toMatchObject({ state: "running", warnings: warned });
    expect((await reload(server)).replaced).toEqual([alice.ref]);
    expect(server.spawned[0]?.env).toMatchObject({ COLOR: "blue" });
    expect(server.operator.view(alice.ref).warnings).toEqual([]);
  });

  test("is kept when only keys have changed that shape no process", async () => {
    const { server, alice } = await takenOver([{ idleTimeoutMs: 1 }]);
    expect(server.operator.view(alice.ref).warnings).toEqual([]);
    expect((await reload(server)).replaced).toEqual([]);
  });

  test("is kept when that server did not record its shape", async () => {
    const earlier = open();
    const alice = await earlier.run("alice");
    const [row] = earlier.store.instances.list();
    const { shape: _, ...child } = row?.child ?? {};
    earlier.store.instances.setChildren(alice.ref, { child: child as ChildRecord, second: null });
    const server = open({ dataDir: earlier.dataDir, services: [{ env: { COLOR: "blue" } }] });
    for (const each of earlier.spawned) server.spawner.living.set(each.ref.pid, each);
    await takeOver(server.supervisor, server);
    expect(server.supervisor.get(alice.ref).isOutdated).toBe(false);
  });
});
