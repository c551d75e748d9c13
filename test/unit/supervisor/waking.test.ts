import { expect, test } from "bun:test";
import { WAITERS_MAX } from "../../../src/supervisor/instance/waiters.ts";
import { ALICE, awake, PATIENCE, useWorlds } from "./worlds.ts";

const openWorld = useWorlds();

test("a thousand waiting requests cause one start; one more is refused for now", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  const waiting = Array.from({ length: WAITERS_MAX }, () => alice.wake("request", PATIENCE));
  await expect(alice.wake("request", PATIENCE)).rejects.toMatchObject({ code: "QUEUE_FULL" });
  await world.ready();
  const leases = await Promise.all(waiting);
  expect(world.spawned).toHaveLength(1);
  expect(alice.traffic.open).toBe(WAITERS_MAX);
  for (const lease of leases) {
    lease.release();
    lease.release();
  }
  expect(alice.traffic.open).toBe(0);
});

test("a request leaves the queue when its client disconnects", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  const leaving = new AbortController();
  const gone = alice.wake("request", { ...PATIENCE, signal: leaving.signal });
  const stays = alice.wake("request", PATIENCE);
  leaving.abort(new Error("left"));
  await expect(gone).rejects.toThrow("left");
  await world.ready();
  (await stays).release();
  expect(alice.traffic.open).toBe(0);
});

test("a failed start refuses every waiting request with its reason", async () => {
  const world = openWorld();
  world.spawner.failure = new Error("no such device");
  const alice = world.register("alice");
  const waiting = [alice.wake("request", PATIENCE), alice.wake("request", PATIENCE)];
  for (const { reason } of (await Promise.allSettled(waiting)) as PromiseRejectedResult[]) {
    expect(reason).toMatchObject({ code: "START_FAILED", retryAfterMs: 1000 });
  }
  expect(alice.instance.state.kind).toBe("waiting");
  expect(world.logs.notes[0]).toContain("no such device");
});

test("an instance is not ready when another program listens on its port", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  const waiting = alice.wake("request", PATIENCE);
  const [child] = world.spawned;
  if (child !== undefined) child.listens = false;
  const refused = waiting.catch(({ message }: Error) => message);
  await world.clock.advance(11_000);
  expect(await refused).toContain("another program listens on 127.0.0.1:30000");
});

test("the story names the request that woke the instance, and its last exit", async () => {
  const world = openWorld();
  world.register("alice");
  (await awake(world)).release();
  await world.operator.stop(ALICE);
  const { lastWake, lastExit } = world.operator.story(ALICE);
  expect(lastWake?.by).toBe("a request from 203.0.113.7");
  expect(lastWake?.readyMs).toBe(1);
  expect(lastExit?.reason).toBe("was terminated by SIGTERM");
});
