import { afterEach, describe, expect, test } from "bun:test";
import type { InstanceRef } from "../../../../src/core/ref.ts";
import { ISOLATION_LEVELS, overlaps } from "../../../../src/core/service.ts";
import type {
  RolloutOutcome,
  RolloutProgress,
} from "../../../../src/supervisor/rollout/rollout.ts";
import {
  type FakeWorld,
  type FakeWorldOptions,
  openFakeWorld,
  readyOnPort,
} from "../../../support/fake-world.ts";
import { serviceWith } from "../../../support/service.ts";

const V1 = { service: "notes", id: "v1" };
const V2 = { service: "notes", id: "v2" };
const PATIENCE = { signal: new AbortController().signal, by: "request from 203.0.113.7" };

let worlds: FakeWorld[] = [];

afterEach(() => {
  for (const world of worlds) world.dispose();
  worlds = [];
});

function openWorld(options?: FakeWorldOptions): FakeWorld {
  const world = openFakeWorld(options);
  worlds.push(world);
  return world;
}

async function awake(world: FakeWorld, ref: InstanceRef): Promise<void> {
  const lease = world.supervisor.wake(ref, PATIENCE);
  await world.ready();
  (await lease).release();
}

/** A world in which v1 runs and takes all traffic. */
async function firstVersion(options?: FakeWorldOptions): Promise<FakeWorld> {
  const world = openWorld(options);
  world.register("v1");
  await awake(world, V1);
  return world;
}

function weightsOf(world: FakeWorld): Record<string, number> {
  const stored = world.store.instances.list();
  return Object.fromEntries(stored.map(({ ref, weight }) => [ref.id, weight]));
}

const deploy = (world: FakeWorld, { weight = 100, record = () => undefined } = {}) =>
  world.deploys.deploy({ ref: V2, weight, timeoutMs: 30_000, record });

describe("a deploy", () => {
  test("registers at weight 0 and sets the weight when it is healthy", async () => {
    const world = await firstVersion();
    const deployed = deploy(world, { weight: 40 });
    expect(weightsOf(world)).toEqual({ v1: 100, v2: 0 });
    await world.ready();
    expect(await deployed).toMatchObject({ state: "running", health: "healthy", weight: 40 });
    expect(weightsOf(world)).toEqual({ v1: 100, v2: 40 });
  });

  test("that fails leaves no instance that was not there before", async () => {
    const world = await firstVersion();
    const failed = deploy(world).catch((error: Error) => error);
    world.spawned[1]?.end({ kind: "code", code: 1 });
    expect(await failed).toMatchObject({
      code: "START_FAILED",
      message: 'Cannot start "notes:v2": exited with code 1',
    });
    expect(weightsOf(world)).toEqual({ v1: 100 });
  });

  test("that is not healthy in time fails, and its process is ended", async () => {
    const world = await firstVersion({ services: [{ startupTimeoutMs: 60_000 }] });
    world.probes.answer = ({ endpoints }) =>
      endpoints.length === 1
        ? readyOnPort({ endpoints, health: null, host: "" })
        : { kind: "unready", reason: "not yet" };
    const failed = deploy(world).catch((error: Error) => error);
    await world.clock.advance(30_000);
    expect(await failed).toMatchObject({
      message: 'Cannot deploy "notes:v2": it is not healthy within 30 s',
    });
    expect(world.spawned[1]?.signals).toEqual(["SIGTERM"]);
    expect(weightsOf(world)).toEqual({ v1: 100 });
  });

  test.each([["asleep"], ["stopped"], ["failed"]] as const)(
    "that fails leaves an instance %s that was so, with its weight",
    async (state) => {
      const world = await firstVersion();
      const v2 = world.register("v2");
      world.operator.setWeight(V2, 7);
      await v2.rest(state);
      world.spawner.failure = new Error("no such device");
      expect(await deploy(world).catch((error: Error) => error)).toMatchObject({
        code: "START_FAILED",
      });
      expect(world.operator.view(V2)).toMatchObject({ state, weight: 7 });
      expect(weightsOf(world)).toEqual({ v1: 100, v2: 7 });
    },
  );

  test("whose change can't be recorded changes nothing", async () => {
    const world = await firstVersion();
    world.register("v2");
    const full = () => {
      throw new Error("database or disk is full");
    };
    const failed = deploy(world, { weight: 9, record: full }).catch((error: Error) => error);
    await world.ready();
    expect(await failed).toMatchObject({ code: "STORAGE_FAILED" });
    expect(weightsOf(world)).toEqual({ v1: 100, v2: 100 });
    expect(world.operator.view(V2)).toMatchObject({ state: "asleep", weight: 100 });
  });

  test("of a sleeping instance takes no service-level traffic until it is healthy", async () => {
    const world = openWorld();
    world.register("v2");
    const deployed = deploy(world);
    expect(world.supervisor.pick("notes", new Set())).toBeNull();
    await world.ready();
    await deployed;
    expect(world.supervisor.pick("notes", new Set())).toEqual(V2);
  });

  test("is one at a time, and none while the instance is disabled", async () => {
    const world = await firstVersion();
    const first = deploy(world);
    await expect(deploy(world)).rejects.toMatchObject({ code: "CONFLICT" });
    await world.ready();
    await first;
    await world.operator.disable(V2);
    await expect(deploy(world)).rejects.toMatchObject({ code: "CONFLICT" });
  });
});

describe("routing from one version to another", () => {
  const route = (world: FakeWorld, record: () => void = () => undefined) =>
    world.deploys.route({ from: V1, to: V2, record });

  test("wakes the other, moves all weight at once, and puts the first to sleep when it has drained", async () => {
    const world = await firstVersion();
    world.register("v2");
    world.operator.setWeight(V2, 0);
    const open = world.supervisor.lease(V1);
    const routed = route(world);
    expect(weightsOf(world)).toEqual({ v1: 100, v2: 0 });
    await world.ready();
    expect(weightsOf(world)).toEqual({ v1: 0, v2: 100 });
    expect(world.operator.view(V1).state).toBe("draining");
    open?.release();
    expect(await routed).toMatchObject({
      from: { state: "asleep", weight: 0 },
      to: { state: "running", weight: 100 },
    });
  });

  test("adds to what the other has, up to all", async () => {
    const world = await firstVersion();
    world.operator.setWeight(V1, 30);
    world.register("v2");
    world.operator.setWeight(V2, 20);
    const routed = route(world);
    await world.ready();
    expect((await routed).to.weight).toBe(50);
    const back = world.deploys.route({ from: V2, to: V1, record: () => undefined });
    await world.ready();
    expect((await back).to.weight).toBe(50);
  });

  test("moves nothing when the other does not start, or when it can't be recorded", async () => {
    const world = await firstVersion();
    world.register("v2");
    world.operator.setWeight(V2, 0);
    world.spawner.failure = new Error("no such device");
    expect(await route(world).catch((error: Error) => error)).toMatchObject({
      code: "START_FAILED",
    });
    world.spawner.failure = null;
    const unrecorded = route(world, () => {
      throw new Error("disk is full");
    }).catch((error: Error) => error);
    await world.ready();
    expect(await unrecorded).toMatchObject({ code: "STORAGE_FAILED" });
    expect(weightsOf(world)).toEqual({ v1: 100, v2: 0 });
    expect(world.operator.view(V1)).toMatchObject({ state: "running", weight: 100 });
  });
});

describe("a rollout", () => {
  const IDS = ["a", "b", "c"];

  /** A world of three running instances and one asleep. */
  async function threeRunning(options?: FakeWorldOptions): Promise<FakeWorld> {
    const world = openWorld(options);
    for (const id of IDS) {
      world.register(id);
      await awake(world, { service: "notes", id });
    }
    world.register("sleeper");
    return world;
  }

  const idsOf = (refs: readonly InstanceRef[]) => refs.map(({ id }) => id);

  /** Lets it come to its end, one turn after another. */
  async function finish(world: FakeWorld, rollout: Promise<RolloutOutcome>) {
    for (let turn = 0; turn <= IDS.length; turn++) await world.ready();
    return await rollout;
  }

  test("replaces the process of each running instance, so many at a time, and wakes nobody", async () => {
    const world = await threeRunning();
    const progress: RolloutProgress[] = [];
    const rollout = world.deploys.rollout("notes", {
      parallel: 2,
      onProgress: (each) => progress.push(each),
    });
    await world.settle();
    expect(world.spawned).toHaveLength(IDS.length + 2);
    const outcome = await finish(world, rollout);
    expect(idsOf(outcome.replaced).sort()).toEqual(IDS);
    expect(world.spawned).toHaveLength(2 * IDS.length);
    expect(progress.map(({ kind }) => kind)).toEqual(["begun", "replaced", "replaced", "replaced"]);
    expect(world.operator.view({ service: "notes", id: "sleeper" }).state).toBe("asleep");
  });

  test("stops at the first that fails, which keeps its process, and says which remain", async () => {
    const world = await threeRunning();
    world.probes.answer = (request) =>
      world.spawned.length > IDS.length + 1
        ? { kind: "unready", reason: "not yet" }
        : readyOnPort(request);
    const rollout = world.deploys.rollout("notes", { parallel: 1 });
    await world.ready();
    world.spawned[IDS.length + 1]?.end({ kind: "code", code: 1 });
    const outcome = await finish(world, rollout);
    expect(idsOf(outcome.replaced)).toEqual(["a"]);
    expect(outcome.failed.map(({ ref, error }) => [ref.id, error.message])).toEqual([
      ["b", 'Cannot replace "notes:b": exited with code 1 before it was ready'],
    ]);
    expect(idsOf(outcome.remaining)).toEqual(["c"]);
    expect(world.operator.view({ service: "notes", id: "b" })).toMatchObject({
      state: "running",
      pid: 101,
    });
  });

  test('with rollout = "replace" ends each process before the next begins', async () => {
    const world = await threeRunning({ services: [{ rollout: "replace" }] });
    const rollout = world.deploys.rollout("notes", { parallel: 1 });
    await world.settle();
    expect(world.spawned.map(({ signals }) => signals)).toEqual([["SIGTERM"], [], [], []]);
    const outcome = await finish(world, rollout);
    expect(idsOf(outcome.replaced)).toEqual(IDS);
  });

  test("never has two kernels write to the same files", () => {
    const overlapping = ISOLATION_LEVELS.filter((isolation) =>
      overlaps(serviceWith({ isolation })),
    );
    expect(overlapping).toEqual(["process", "namespace"]);
  });

  test("passes over an instance that is told to rest meanwhile", async () => {
    const world = await threeRunning();
    const rollout = world.deploys.rollout("notes", { parallel: 1 });
    await world.operator.stop({ service: "notes", id: "a" });
    const outcome = await finish(world, rollout);
    expect(idsOf(outcome.skipped)).toEqual(["a"]);
    expect(idsOf(outcome.replaced)).toEqual(["b", "c"]);
  });

  test("waits for an instance that is just starting, and replaces it too", async () => {
    const world = await threeRunning();
    const waking = world.supervisor.wake({ service: "notes", id: "sleeper" }, PATIENCE);
    const rollout = world.deploys.rollout("notes", { parallel: 4 });
    await world.ready();
    (await waking).release();
    expect(idsOf((await finish(world, rollout)).replaced)).toContain("sleeper");
  });

  test("of a service is one at a time", async () => {
    const world = await threeRunning();
    const first = world.deploys.rollout("notes", { parallel: 1 });
    await expect(world.deploys.rollout("notes", { parallel: 1 })).rejects.toMatchObject({
      code: "CONFLICT",
    });
    await finish(world, first);
    await expect(world.deploys.rollout("none", { parallel: 1 })).rejects.toMatchObject({
      code: "SERVICE_UNKNOWN",
    });
  });
});
