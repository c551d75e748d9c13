import { expect, test } from "bun:test";
import type { Lease } from "../../../../src/supervisor/gateway.ts";
import { WAITERS_MAX } from "../../../../src/supervisor/instance/waiters.ts";
import { settle } from "../../../support/fake-clock.ts";
import { awake, childOf, PATIENCE, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

/** An instance that takes two requests at a time, both of which are open. */
async function openFull() {
  const world = openWorld({ services: [{ maxConcurrent: 2, requestTimeoutMs: 5000 }] });
  const alice = world.register("alice");
  const open = [await awake(world), alice.lease()] as [Lease, Lease];
  expect(alice.lease()).toBeNull();
  expect(alice.isFull).toBe(true);
  return { world, alice, open };
}

test("requests beyond the cap wait, and go through in the order of their coming", async () => {
  const { alice, open } = await openFull();
  const admitted: string[] = [];
  const wait = async (name: string) => {
    const lease = await alice.wake("request", PATIENCE);
    admitted.push(name);
    return lease;
  };
  const first = wait("first");
  const second = wait("second");
  await settle();
  expect(admitted).toEqual([]);
  open[0].release();
  expect(alice.lease()).toBeNull();
  await first;
  expect(admitted).toEqual(["first"]);
  (await first).release();
  (await second).release();
  open[1].release();
  expect(alice.traffic.open).toBe(0);
});

test("a tunnel does not count, and makes room for a request that waits", async () => {
  const { alice, open } = await openFull();
  const waiting = alice.wake("request", PATIENCE);
  open[0].tunnel();
  expect((await waiting).open).toBe(3);
});

test("a request that waits for room leaves with its client, or after the request timeout", async () => {
  const { world, alice } = await openFull();
  const leaving = new AbortController();
  const gone = alice.wake("request", { ...PATIENCE, signal: leaving.signal });
  leaving.abort(new Error("left"));
  await expect(gone).rejects.toThrow("left");
  const late = alice.wake("request", PATIENCE).catch((error: unknown) => error);
  await world.clock.advance(5000);
  expect(await late).toMatchObject({ code: "QUEUE_FULL", retryAfterMs: 1000 });
});

test("a thousand requests wait for room; one more is refused for now", async () => {
  const { alice } = await openFull();
  const waiting = Array.from({ length: WAITERS_MAX }, () => alice.wake("request", PATIENCE));
  for (const each of waiting) each.catch(() => undefined);
  await expect(alice.wake("request", PATIENCE)).rejects.toMatchObject({
    code: "QUEUE_FULL",
    retryAfterMs: 1000,
  });
});

test("requests that wait for room are refused when an operator stops the instance", async () => {
  const { alice, open } = await openFull();
  const waiting = alice.wake("request", PATIENCE).catch((error: unknown) => error);
  const stopped = alice.rest("stopped");
  expect(await waiting).toMatchObject({ code: "INSTANCE_UNAVAILABLE" });
  for (const lease of open) lease.release();
  await stopped;
});

test("requests that wait for room wait for the restart when the process crashes", async () => {
  const { world, alice } = await openFull();
  const waiting = alice.wake("request", PATIENCE);
  childOf(world).end({ kind: "code", code: 1 });
  await world.clock.advance(1100);
  await world.ready();
  expect((await waiting).launch).toBe(2);
});

test("an operator's start does not wait for room", async () => {
  const { alice } = await openFull();
  const lease = await alice.wake("operator");
  expect(lease.open).toBe(3);
});
