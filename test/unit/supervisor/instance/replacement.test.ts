import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { takeOver } from "../../../../src/supervisor/handover/takeover.ts";
import type { InstanceActor } from "../../../../src/supervisor/instance/actor.ts";
import { type FakeWorld, type FakeWorldOptions, readyOnPort } from "../../../support/fake-world.ts";
import { ALICE, awake, childOf, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

/** A world in which one instance runs. */
async function runningWorld(options?: FakeWorldOptions) {
  const world = openWorld(options);
  const alice = world.register("alice");
  (await awake(world)).release();
  return { world, alice };
}

describe("a replacement", () => {
  test("starts a process in the other slot, with its own port and socket, and moves traffic to it once it is ready", async () => {
    const { world, alice } = await runningWorld();
    const old = world.supervisor.lease(ALICE);
    const replaced = alice.replace();
    await world.ready();
    const next = world.supervisor.lease(ALICE);
    expect(next?.launch).not.toBe(old?.launch);
    expect(next?.endpoint).not.toEqual(old?.endpoint);
    const [first, second] = world.spawned.map(({ env }) => env);
    expect(second?.["TENEMENT_MARK"]).toBe(`${world.dataDir}/notes/alice#1`);
    expect(second?.["SOCKET_PATH"]).not.toBe(first?.["SOCKET_PATH"]);
    expect(childOf(world, 0).signals).toEqual([]);
    old?.release();
    await replaced;
    expect(childOf(world, 0).signals).toEqual(["SIGTERM"]);
    expect(alice.processes).toHaveLength(1);
    next?.release();
  });

  test("uses the first slot again the next time", async () => {
    const { world, alice } = await runningWorld();
    for (const slot of [1, 0]) {
      const replaced = alice.replace();
      await world.ready();
      await replaced;
      expect(alice.launched?.slot).toBe(slot as 0 | 1);
    }
  });

  test("waits for the requests of the old process, not for those of the new one", async () => {
    const { world, alice } = await runningWorld();
    const old = world.supervisor.lease(ALICE);
    const tunnel = world.supervisor.lease(ALICE);
    tunnel?.tunnel();
    const replaced = alice.replace();
    await world.ready();
    const next = world.supervisor.lease(ALICE);
    expect(alice.traffic).toMatchObject({ open: 3, busy: 1, secondBusy: 1 });
    old?.release();
    await replaced;
    for (const lease of [next, tunnel]) lease?.release();
    expect(alice.traffic.open).toBe(0);
  });

  test("that fails reports its reason and keeps the old process", async () => {
    const { world, alice } = await runningWorld();
    world.spawner.failure = new Error("no such device");
    await expect(alice.replace()).rejects.toMatchObject({
      code: "START_FAILED",
      message: 'Cannot replace "notes:alice": no such device',
    });
    await world.settle();
    world.spawner.failure = null;
    const exits = alice.replace().catch(({ message }: Error) => message);
    childOf(world, 1).end({ kind: "code", code: 3 });
    expect(await exits).toBe(
      'Cannot replace "notes:alice": exited with code 3 before it was ready',
    );
    expect(alice.instance.state.kind).toBe("running");
    expect(alice.processes.map(({ child }) => child.ref)).toEqual([childOf(world, 0).ref]);
    expect(childOf(world, 0).signals).toEqual([]);
  });

  test("keeps the data directory of an instance without storage_persist", async () => {
    const { world, alice } = await runningWorld({ services: [{ storagePersist: false }] });
    const replaced = alice.replace();
    await world.ready();
    await replaced;
    expect(existsSync(`${world.dataDir}/notes/alice`)).toBe(true);
    await world.operator.stop(ALICE);
    expect(existsSync(`${world.dataDir}/notes/alice`)).toBe(false);
  });
});

describe("a server that takes over after a crash during a replacement", () => {
  /** The next server, with the living processes of the first. */
  async function nextServer(first: FakeWorld): Promise<FakeWorld> {
    const next = openWorld({ dataDir: first.dataDir });
    for (const child of first.spawned) next.spawner.living.set(child.ref.pid, child);
    await takeOver(next.supervisor, next);
    await next.settle();
    return next;
  }

  const processesOf = (world: FakeWorld): InstanceActor["processes"] =>
    world.supervisor.get(ALICE).processes;

  test("adopts the old process when the new one was not ready", async () => {
    const { world, alice } = await runningWorld();
    world.probes.answer = () => ({ kind: "unready", reason: "not yet" });
    alice.replace().catch(() => undefined);
    world.probes.answer = readyOnPort;
    const next = await nextServer(world);
    expect(next.operator.view(ALICE)).toMatchObject({ state: "running", pid: 100 });
    expect(processesOf(next)).toHaveLength(1);
    expect(childOf(world, 1).signals).toContain("SIGTERM");
    expect(next.store.instances.list()[0]?.second).toBeNull();
  });

  test("adopts the new process when it was ready, and ends the old one", async () => {
    const { world, alice } = await runningWorld();
    const open = world.supervisor.lease(ALICE);
    void alice.replace();
    await world.ready();
    expect(open?.launch).toBeDefined();
    const next = await nextServer(world);
    expect(next.operator.view(ALICE)).toMatchObject({ state: "running", pid: 101 });
    expect(processesOf(next).map(({ slot }) => slot)).toEqual([1]);
    expect(childOf(world, 0).signals).toContain("SIGTERM");
  });

  test("ends the old process when the new one has ended, and starts an instance that never sleeps", async () => {
    const services = [{ idleTimeoutMs: 0 }];
    const { world, alice } = await runningWorld({ services });
    const open = world.supervisor.lease(ALICE);
    void alice.replace();
    await world.ready();
    expect(open?.launch).toBeDefined();
    const next = openWorld({ services, dataDir: world.dataDir });
    next.spawner.living.set(100, childOf(world, 0));
    await takeOver(next.supervisor, next);
    await next.ready();
    expect(next.operator.view(ALICE).state).toBe("running");
    expect(next.spawned).toHaveLength(1);
    expect(childOf(world, 0).signals).toContain("SIGTERM");
  });

  test("ends a process that was already stopping", async () => {
    const { world } = await runningWorld();
    childOf(world, 0).obedient = false;
    void world.operator.stop(ALICE);
    const next = openWorld({ dataDir: world.dataDir });
    const stubborn = childOf(world, 0);
    next.spawner.living.set(100, stubborn);
    await takeOver(next.supervisor, next);
    expect(next.operator.view(ALICE).state).toBe("stopping");
    stubborn.end({ kind: "unknown" });
    await next.settle();
    expect(next.operator.view(ALICE).state).toBe("stopped");
  });
});
