// The effects of an instance's events that fail.
import { expect, test } from "bun:test";
import { ALICE, awake, childOf, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

test("an instance handles later events after one that threw", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  (await awake(world)).release();
  await world.operator.stop(ALICE);
  const { home } = world.supervisor.world;
  home.close = () => {
    throw new Error("an effect fails");
  };
  expect(() => alice.send({ kind: "rest", to: "disabled" })).toThrow("an effect fails");
  home.close = () => undefined;
  await world.operator.enable(ALICE);
  (await awake(world)).release();
  expect(alice.instance.state.kind).toBe("running");
});

test("an event that waits behind one that throws is handled", () => {
  const world = openWorld();
  const alice = world.register("alice");
  const { home } = world.supervisor.world;
  home.close = () => {
    home.close = () => undefined;
    alice.send({ kind: "rest", to: "disabled" });
    throw new Error("an effect fails");
  };
  expect(() => alice.send({ kind: "rest", to: "stopped" })).toThrow("an effect fails");
  expect(alice.instance.state).toEqual({ kind: "stopped", disabled: true });
});

test("no process starts for a launch that was cancelled, and a later one gets its process", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  const hanging = Promise.withResolvers<void>();
  const { home } = world.supervisor.world;
  home.prepare = () => hanging.promise;
  alice.send({ kind: "wake", cause: "operator" });
  const stopped = world.operator.stop(ALICE);
  await world.clock.advance(alice.service.stopTimeoutMs);
  expect((await stopped).state).toBe("stopped");
  const started = world.operator.start(ALICE);
  hanging.resolve();
  await world.clock.advance(100);
  expect((await started).state).toBe("running");
  expect(world.spawned).toHaveLength(1);
});

test("an exit is acted upon where its explanation fails", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  (await awake(world)).release();
  const [launched] = alice.processes;
  if (launched === undefined) throw new Error("There is no process");
  launched.enclosure.explainFailedStart = () => {
    throw new Error("EACCES");
  };
  childOf(world).end({ kind: "code", code: 1 });
  await world.settle();
  expect(alice.instance.state.kind).toBe("waiting");
  expect(world.reports).toHaveLength(1);
});
