import { expect, test } from "bun:test";
import { awake, PATIENCE, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

test("max_starting bounds concurrent starts, and requests go before the server's own starts", async () => {
  const world = openWorld({ settings: { maxStarting: 1 } });
  world.probes.answer = () => ({ kind: "unready", reason: "not yet" });
  const [first, boot, urgent] = ["a", "b", "c"].map((id) => world.register(id));
  first?.send({ kind: "wake", cause: "boot" });
  boot?.send({ kind: "wake", cause: "boot" });
  urgent?.wake("request", PATIENCE).catch(() => undefined);
  expect(world.spawned).toHaveLength(1);
  first?.send({ kind: "rest", to: "stopped" });
  await world.settle();
  expect(world.spawned.map(({ env }) => env["TENEMENT_INSTANCE"])).toEqual(["a", "c"]);
});

test("the least recently used idle instance goes to sleep when max_running is reached", async () => {
  const world = openWorld({ settings: { maxRunning: 2 } });
  for (const id of ["a", "b", "c"]) world.register(id);
  (await awake(world, "a")).release();
  const busy = await awake(world, "b");
  busy.release();
  const again = world.supervisor.lease({ service: "notes", id: "a" });
  const third = awake(world, "c");
  (await third).release();
  const states = world.operator.list().map(({ ref, state }) => `${ref.id} ${state}`);
  expect(states).toEqual(["a running", "b asleep", "c running"]);
  again?.release();
});

test("an instance that has just started is not the first to go to sleep", async () => {
  const world = openWorld({ settings: { maxRunning: 2 } });
  const [fresh] = ["fresh", "used", "c"].map((id) => world.register(id));
  await world.clock.advance(1000);
  (await awake(world, "used")).release();
  await world.clock.advance(1000);
  fresh?.send({ kind: "wake", cause: "boot" });
  await world.ready();
  (await awake(world, "c")).release();
  const states = world.operator.list().map(({ ref, state }) => `${ref.id} ${state}`);
  expect(states).toEqual(["c running", "fresh running", "used asleep"]);
});

test("a start waits at max_running until an instance is idle", async () => {
  const world = openWorld({ settings: { maxRunning: 1 } });
  for (const id of ["a", "b"]) world.register(id);
  const lease = await awake(world, "a");
  const waiting = world.supervisor.wake({ service: "notes", id: "b" }, PATIENCE);
  await world.clock.advance(1000);
  expect(world.spawned).toHaveLength(1);
  lease.release();
  await world.ready();
  (await waiting).release();
  expect(world.spawned).toHaveLength(2);
});

test("an instance that starts again and one that waits do not exceed max_running", async () => {
  const world = openWorld({ settings: { maxRunning: 1 } });
  const [a, b] = ["a", "b"].map((id) => world.register(id));
  const lease = await awake(world, "a");
  b?.send({ kind: "wake", cause: "boot" });
  a?.send({ kind: "rest", to: "restart" });
  lease.release();
  await world.ready();
  expect(world.spawned.filter(({ isLiving }) => isLiving)).toHaveLength(1);
  expect(world.spawned[1]?.env["TENEMENT_INSTANCE"]).toBe("a");
});

const NOTES_AND_WIKI = [{ name: "notes" }, { name: "wiki" }];

test("a slow start gives up its slot a second after the spawn", async () => {
  const world = openWorld({ settings: { maxStarting: 1 } });
  world.probes.answer = () => ({ kind: "unready", reason: "not yet" });
  for (const id of ["a", "b", "c"])
    world
      .register(id)
      ?.wake("request", PATIENCE)
      .catch(() => undefined);
  await world.settle();
  expect(world.spawned).toHaveLength(1);
  await world.clock.advance(999);
  expect(world.spawned).toHaveLength(1);
  await world.clock.advance(1);
  await world.settle();
  expect(world.spawned.map(({ env }) => env["TENEMENT_INSTANCE"])).toEqual(["a", "b"]);
  await world.clock.advance(1000);
  await world.settle();
  expect(world.spawned).toHaveLength(3);
});

test("launches that wait for a disk do not keep the others waiting", async () => {
  const world = openWorld({ settings: { maxStarting: 1 } });
  const hung = world.register("a");
  const { home } = world.supervisor.world;
  const { prepare } = home;
  home.prepare = (order) =>
    order.ref.id === "a" ? new Promise(() => undefined) : prepare.call(home, order);
  hung.send({ kind: "wake", cause: "operator" });
  world.register("b").send({ kind: "wake", cause: "operator" });
  await world.clock.advance(29_000);
  expect(world.spawned).toHaveLength(0);
  await world.clock.advance(2000);
  expect(world.spawned.map(({ env }) => env["TENEMENT_INSTANCE"])).toEqual(["b"]);
});

test("services take turns, whichever began to wait first and however many of its instances wait", async () => {
  const world = openWorld({ services: NOTES_AND_WIKI, settings: { maxStarting: 2 } });
  world.probes.answer = () => ({ kind: "unready", reason: "not yet" });
  const wake = (service: string, id: string) => {
    const actor = world.supervisor.create({ service, id }, {});
    actor.wake("request", PATIENCE).catch(() => undefined);
  };
  for (const id of ["a", "b", "c", "d", "e", "f"]) wake("notes", id);
  for (const id of ["x", "y"]) wake("wiki", id);
  await world.settle();
  for (const _ of [1, 2]) {
    await world.clock.advance(1000);
    await world.settle();
  }
  expect(world.spawned.map(({ env }) => env["TENEMENT_INSTANCE"])).toEqual([
    ...["a", "b"],
    ...["x", "c"],
    ...["y", "d"],
  ]);
});
