import { expect, test } from "bun:test";
import { PORT_FIRST } from "../../../../src/platform/process/ports.ts";
import { takeOver } from "../../../../src/supervisor/handover/takeover.ts";
import { FakeChild } from "../../../support/fake-world.ts";
import { ALICE, awake, childOf, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

/** A world whose server crashes while one instance runs. */
async function crashedWorld(): Promise<{ dataDir: string; child: FakeChild }> {
  const world = openWorld();
  world.register("alice");
  (await awake(world)).release();
  return { dataDir: world.dataDir, child: childOf(world) };
}

test("a living process is adopted without a restart, and its exit is noticed", async () => {
  const { dataDir, child } = await crashedWorld();
  const next = openWorld({ dataDir });
  next.spawner.living.set(child.ref.pid, child);
  await takeOver(next.supervisor, next);
  expect(next.operator.view(ALICE)).toMatchObject({
    state: "running",
    health: "unknown",
    pid: 100,
  });
  await next.ready();
  expect(next.operator.view(ALICE).health).toBe("healthy");
  expect(next.spawned).toHaveLength(0);
  child.end({ kind: "unknown" });
  await next.settle();
  expect(next.operator.view(ALICE).state).toBe("waiting");
});

test("an instance is asleep when its process no longer matches, and marked processes are ended", async () => {
  const { dataDir, child } = await crashedWorld();
  const next = openWorld({ dataDir });
  next.spawner.living.set(child.ref.pid, new FakeChild({ pid: 100, startTime: 1 }, "", {}));
  next.spawner.strays
    .add(`${dataDir}/notes/alice#0`)
    .add(`${dataDir}/notes/alice#1`)
    .add(`${dataDir}/notes/gone#0`)
    .add("/elsewhere");
  await takeOver(next.supervisor, next);
  expect(next.operator.view(ALICE).state).toBe("asleep");
  expect([...next.spawner.strays]).toEqual(["/elsewhere"]);
  expect(next.store.instances.list()[0]?.child).toBeNull();
});

test("an adopted process keeps its extra ports, which no other process gets", async () => {
  const services = [{ extraPorts: 2 }];
  const world = openWorld({ services });
  world.register("alice");
  (await awake(world)).release();
  const child = childOf(world);
  const next = openWorld({ services, dataDir: world.dataDir });
  next.spawner.living.set(child.ref.pid, child);
  await takeOver(next.supervisor, next);
  await next.ready();
  next.register("bob");
  (await awake(next, "bob")).release();
  const portsOf = ({ env }: FakeChild) =>
    ["PORT", "TENEMENT_PORT_1", "TENEMENT_PORT_2"].map((name) => Number(env[name]));
  const ports = [...portsOf(child), ...portsOf(childOf(next))];
  expect(ports.every((port) => port >= PORT_FIRST)).toBe(true);
  expect(new Set(ports).size).toBe(6);
  const recorded = next.store.instances.list().map((row) => row.child?.extraPorts);
  expect(recorded).toEqual([portsOf(child).slice(1), portsOf(childOf(next)).slice(1)]);
});

test("an instance that can't be taken over is reported and starts anew, and the others are adopted", async () => {
  const services = [{ idleTimeoutMs: 0 }];
  const first = openWorld({ services });
  for (const id of ["alice", "bob"]) {
    first.register(id);
    (await awake(first, id)).release();
  }
  const next = openWorld({ services, dataDir: first.dataDir });
  for (const child of first.spawned) next.spawner.living.set(child.ref.pid, child);
  next.logs.refused.add("alice");
  await takeOver(next.supervisor, next);
  await next.ready();
  const views = next.operator.list().map(({ ref, state, pid }) => ({ id: ref.id, state, pid }));
  expect(views).toEqual([
    { id: "alice", state: "running", pid: next.spawned[0]?.ref.pid ?? 0 },
    { id: "bob", state: "running", pid: first.spawned[1]?.ref.pid ?? 0 },
  ]);
  expect(next.reports.map(String).join()).toMatch(/Cannot take over "notes:alice": no pipe/);
});

test("a listed instance that can't be created is reported, and the others start", async () => {
  const instances = ["listed", "next"].map((id) => ({ service: "notes", id }));
  const world = openWorld({ instances });
  const insert = world.store.instances.insert.bind(world.store.instances);
  world.store.instances.insert = (row) => {
    if (row.ref.id === "listed") throw new Error("disk full");
    insert(row);
  };
  await takeOver(world.supervisor, world);
  await world.ready();
  expect(world.operator.list().map(({ ref, state }) => `${ref.id} ${state}`)).toEqual([
    "next running",
  ]);
  expect(world.reports.map(String).join()).toMatch(/disk full/);
});

test("a process is not adopted when nothing listens at its endpoint", async () => {
  const { dataDir, child } = await crashedWorld();
  const next = openWorld({ dataDir });
  next.spawner.living.set(child.ref.pid, child);
  next.probes.answer = () => ({ kind: "unready", reason: "nothing listens" });
  await takeOver(next.supervisor, next);
  expect(next.operator.view(ALICE).state).toBe("asleep");
});

test("a process is not adopted when another program listens on its port", async () => {
  const { dataDir, child } = await crashedWorld();
  const next = openWorld({ dataDir });
  child.listens = false;
  next.spawner.living.set(child.ref.pid, child);
  await takeOver(next.supervisor, next);
  expect(next.operator.view(ALICE).state).toBe("asleep");
});

test("listed instances and those that never sleep start after a crash, but not stopped ones", async () => {
  const services = [{ idleTimeoutMs: 0 }];
  const first = openWorld({ services });
  for (const id of ["alice", "bob"]) {
    first.register(id);
    (await awake(first, id)).release();
  }
  await first.operator.stop({ service: "notes", id: "bob" });
  await first.supervisor.close();
  const instances = [
    { service: "notes", id: "listed" },
    { service: "notes", id: "bob" },
  ];
  const next = openWorld({ services, instances, dataDir: first.dataDir });
  await takeOver(next.supervisor, next);
  await next.ready();
  const states = next.operator.list().map(({ ref, state }) => `${ref.id} ${state}`);
  expect(states).toEqual(["alice running", "bob stopped", "listed running"]);
});

test("an instance whose service is no longer configured keeps its row and does not run", async () => {
  const { dataDir } = await crashedWorld();
  const next = openWorld({ dataDir, services: [{ name: "other" }] });
  await takeOver(next.supervisor, next);
  expect(next.operator.list()).toEqual([]);
  expect(next.store.instances.list()).toHaveLength(1);
});
