import { expect, test } from "bun:test";
import { ALICE, awake, childOf, PATIENCE, useWorlds } from "./worlds.ts";

const openWorld = useWorlds();

test("a crashed instance restarts after its back-off while requests wait", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  (await awake(world)).release();
  world.spawned[0]?.end({ kind: "code", code: 1 });
  await world.settle();
  const waiting = alice.wake("request", PATIENCE);
  await world.clock.advance(1100);
  (await waiting).release();
  expect(world.spawned).toHaveLength(2);
  expect(alice.instance.restarts).toBe(1);
  const { restarts, wakes } = world.supervisor.world.statistics;
  expect({ restarts, wakes: wakes.ready.count }).toEqual({ restarts: 1, wakes: 2 });
});

test("a process is known to run until its exit has been acted upon", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  const lease = await awake(world);
  const { ref, launch } = lease;
  expect(await world.supervisor.isRunning(ref, launch)).toBe(true);
  expect(await world.supervisor.isRunning(ref, launch + 1)).toBe(false);
  childOf(world).isLiving = false;
  const looked = world.supervisor.isRunning(ref, launch);
  expect(alice.instance.state.kind).toBe("running");
  childOf(world).end({ kind: "signal", signal: "SIGKILL" });
  expect(await looked).toBe(false);
  expect(alice.instance.state.kind).not.toBe("running");
  expect(await world.supervisor.isRunning({ ...ref, id: "nobody" }, launch)).toBe(false);
  lease.release();
});

test("a process whose exit is not reported counts as running after a second", async () => {
  const world = openWorld();
  world.register("alice");
  const { ref, launch } = await awake(world);
  childOf(world).isLiving = false;
  const looked = world.supervisor.isRunning(ref, launch);
  await world.clock.advance(1000);
  expect(await looked).toBe(true);
});

test("a restart starts a new process whether the instance runs or sleeps", async () => {
  const world = openWorld();
  world.register("alice");
  for (const launches of [1, 2]) {
    const restarted = world.operator.restart(ALICE);
    await world.ready();
    expect((await restarted).state).toBe("running");
    expect(world.spawned).toHaveLength(launches);
  }
});

test("starts that the server itself could not make count as no restart, neither of the instance nor in total", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  world.spawner.failure = Object.assign(new Error("EMFILE"), { code: "EMFILE" });
  alice.send({ kind: "wake", cause: "boot" });
  await world.clock.advance(3500);
  expect(alice.instance.launches).toBeGreaterThan(2);
  expect(alice.instance.restarts).toBe(0);
  expect(world.supervisor.world.statistics.restarts).toBe(0);
});
