import { describe, expect, test } from "bun:test";
import { unavailable } from "../../../../src/core/failure.ts";
import type { InstanceRef } from "../../../../src/core/ref.ts";
import { ISOLATION_LEVELS, overlaps } from "../../../../src/core/service.ts";
import type {
  RolloutOutcome,
  RolloutProgress,
} from "../../../../src/supervisor/rollout/rollout.ts";
import { type FakeWorld, type FakeWorldOptions, readyOnPort } from "../../../support/fake-world.ts";
import { serviceWith } from "../../../support/service.ts";
import { awake, PATIENCE, useWorlds } from "../worlds.ts";

const V1 = { service: "notes", id: "v1" };
const V2 = { service: "notes", id: "v2" };

const openWorld = useWorlds();

/** A world in which v1 runs and takes all traffic. */
async function firstVersion(options?: FakeWorldOptions): Promise<FakeWorld> {
  const world = openWorld(options);
  world.register("v1");
  (await awake(world, "v1")).release();
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

  test("that fails removes the instance that it registered", async () => {
    const world = await firstVersion();
    const failed = deploy(world).catch((error: Error) => error);
    world.spawned[1]?.end({ kind: "code", code: 1 });
    expect(await failed).toMatchObject({
      code: "START_FAILED",
      message: 'Cannot start "notes:v2": exited with code 1',
    });
    expect(weightsOf(world)).toEqual({ v1: 100 });
  });

  test("fails when the instance is not healthy in time, and ends its process", async () => {
    const world = await firstVersion({ services: [{ startupTimeoutMs: 60_000 }] });
    world.probes.answer = ({ endpoints }) =>
      endpoints.length === 1
        ? readyOnPort({ endpoints, check: null, host: "", hasServed: false, isOwn: () => true })
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

  const QUOTA = { storageEnforce: "stop", storageQuotaBytes: 1000 } as const;

  test("that fails halts an instance again that was over its quota before", async () => {
    const world = await firstVersion({ services: [QUOTA] });
    const v2 = world.register("v2");
    const failure = unavailable("its storage is full", "Delete some of its files");
    v2.send({ kind: "halt", failure });
    world.spawner.failure = new Error("no such device");
    expect(await deploy(world).catch((error: Error) => error)).toMatchObject({
      code: "START_FAILED",
    });
    expect(v2.instance.state).toEqual({ kind: "halted", failure });
  });

  test("is refused while the instance is over its quota, as every order to start it is", async () => {
    const world = await firstVersion({ services: [QUOTA] });
    world.register("v2");
    world.sizes.set("v2", 2000);
    for (const attempt of [
      () => deploy(world),
      () => world.deploys.route({ from: V1, to: V2, record: () => undefined }),
    ]) {
      const outcome = attempt().catch(({ code }: { code: string }) => code);
      await world.ready();
      expect(await outcome).toBe("CONFLICT");
    }
    expect(world.spawned).toHaveLength(1);
  });

  test("that fails leaves an instance stopped that an operator has stopped meanwhile", async () => {
    const world = await firstVersion();
    world.register("v2");
    world.probes.answer = () => ({ kind: "unready", reason: "not yet" });
    const outcome = deploy(world).catch(({ code }: { code: string }) => code);
    await world.ready();
    await world.operator.stop(V2);
    expect(await outcome).toBe("INSTANCE_UNAVAILABLE");
    expect(world.operator.view(V2).state).toBe("stopped");
  });

  test("changes nothing when its audit row can't be written", async () => {
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

  test("keeps a sleeping instance without service-level traffic until it is healthy", async () => {
    const world = openWorld();
    world.register("v2");
    const deployed = deploy(world);
    expect(world.supervisor.pick("notes", new Set())).toBeNull();
    await world.ready();
    await deployed;
    expect(world.supervisor.pick("notes", new Set())).toEqual(V2);
  });

  test("is refused while another one is under way, or while the instance is disabled", async () => {
    const world = await firstVersion();
    const first = deploy(world);
    await expect(deploy(world)).rejects.toMatchObject({ code: "CONFLICT" });
    await world.ready();
    await first;
    await world.operator.disable(V2);
    await expect(deploy(world)).rejects.toMatchObject({ code: "CONFLICT" });
  });
});

describe("a route from one version to another", () => {
  const route = (world: FakeWorld, record: () => void = () => undefined) =>
    world.deploys.route({ from: V1, to: V2, record });

  test("wakes the target, moves all weight at once, and puts the source to sleep when it has drained", async () => {
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

  test("adds to the weight of the target", async () => {
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

  test("moves nothing when the target does not start, or when the audit row can't be written", async () => {
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
      (await awake(world, id)).release();
    }
    world.register("sleeper");
    return world;
  }

  const idsOf = (refs: readonly InstanceRef[]) => refs.map(({ id }) => id);

  /** Completes a rollout, one turn after another. */
  async function finish(world: FakeWorld, rollout: Promise<RolloutOutcome>) {
    for (let turn = 0; turn <= IDS.length; turn++) await world.ready();
    return await rollout;
  }

  test("replaces the processes of running instances, `parallel` at a time, and wakes no instance", async () => {
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

  test("stops at the first failure, keeps that process, and reports the remaining instances", async () => {
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

  test('ends each process before it starts the next with rollout = "replace"', async () => {
    const world = await threeRunning({ services: [{ rollout: "replace" }] });
    const rollout = world.deploys.rollout("notes", { parallel: 1 });
    await world.settle();
    expect(world.spawned.map(({ signals }) => signals)).toEqual([["SIGTERM"], [], [], []]);
    const outcome = await finish(world, rollout);
    expect(idsOf(outcome.replaced)).toEqual(IDS);
  });

  test("runs no two machines or sandboxes on the same files", () => {
    const overlapping = ISOLATION_LEVELS.filter((isolation) =>
      overlaps(serviceWith({ isolation })),
    );
    expect(overlapping).toEqual(["process", "namespace"]);
  });

  test("skips an instance that is stopped meanwhile", async () => {
    const world = await threeRunning();
    const rollout = world.deploys.rollout("notes", { parallel: 1 });
    await world.operator.stop({ service: "notes", id: "a" });
    const outcome = await finish(world, rollout);
    expect(idsOf(outcome.skipped)).toEqual(["a"]);
    expect(idsOf(outcome.replaced)).toEqual(["b", "c"]);
  });

  test("waits for an instance that is starting, and replaces it too", async () => {
    const world = await threeRunning();
    const waking = world.supervisor.wake({ service: "notes", id: "sleeper" }, PATIENCE);
    const rollout = world.deploys.rollout("notes", { parallel: 4 });
    await world.ready();
    (await waking).release();
    expect(idsOf((await finish(world, rollout)).replaced)).toContain("sleeper");
  });

  test("is refused while another one of the service is under way", async () => {
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
