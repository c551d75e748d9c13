import { afterEach, describe, expect, test } from "bun:test";
import { takeOver } from "../../../../src/supervisor/handover/takeover.ts";
import type { InstanceActor } from "../../../../src/supervisor/instance/actor.ts";
import {
  type FakeChild,
  type FakeWorld,
  type FakeWorldOptions,
  openFakeWorld,
  readyOnPort,
} from "../../../support/fake-world.ts";

const ALICE = { service: "notes", id: "alice" };
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

/** A world in which one instance runs. */
async function runningWorld(options?: FakeWorldOptions) {
  const world = openWorld(options);
  const alice = world.register("alice");
  const lease = world.supervisor.wake(ALICE, PATIENCE);
  await world.ready();
  (await lease).release();
  return { world, alice };
}

function childOf({ spawned }: FakeWorld, index: number): FakeChild {
  const child = spawned[index];
  if (child === undefined) throw new Error(`Only ${spawned.length} were spawned`);
  return child;
}

describe("replacing a process", () => {
  test("gives the next one a slot, a port and a socket of its own, and its traffic once it is ready", async () => {
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

  test("again goes back to the first slot", async () => {
    const { world, alice } = await runningWorld();
    for (const slot of [1, 0]) {
      const replaced = alice.replace();
      await world.ready();
      await replaced;
      expect(alice.launched?.slot).toBe(slot as 0 | 1);
    }
  });

  test("waits for the old one's requests, not for those of the new one", async () => {
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

  test("that fails says why and leaves the old one", async () => {
    const { world, alice } = await runningWorld();
    world.spawner.failure = new Error("no such device");
    expect(alice.replace()).rejects.toMatchObject({
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

  test("keeps the data of an instance without storage until it rests", async () => {
    const { world, alice } = await runningWorld({ services: [{ storagePersist: false }] });
    const { existsSync } = await import("node:fs");
    const replaced = alice.replace();
    await world.ready();
    await replaced;
    expect(existsSync(`${world.dataDir}/notes/alice`)).toBe(true);
    await world.operator.stop(ALICE);
    expect(existsSync(`${world.dataDir}/notes/alice`)).toBe(false);
  });
});

describe("a server that is killed while a process is replaced", () => {
  /** The next server, to which the processes of the first are left. */
  async function nextServer(first: FakeWorld): Promise<FakeWorld> {
    const next = openWorld({ dataDir: first.dataDir });
    for (const child of first.spawned) next.spawner.living.set(child.ref.pid, child);
    await takeOver(next.supervisor, next);
    await next.settle();
    return next;
  }

  const processesOf = (world: FakeWorld): InstanceActor["processes"] =>
    world.supervisor.get(ALICE).processes;

  test("before the new one is ready keeps the old one", async () => {
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

  test("after the new one is ready keeps that, and ends the old one", async () => {
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

  test("ends what is left alone, and starts what never sleeps anew", async () => {
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

  test("while it was going to rest does not go on with the process", async () => {
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
