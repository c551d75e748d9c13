import { afterEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Service } from "../../../src/core/service.ts";
import type { Lease } from "../../../src/supervisor/gateway.ts";
import { takeOver } from "../../../src/supervisor/handover/takeover.ts";
import { WAITERS_MAX } from "../../../src/supervisor/instance/waiters.ts";
import {
  FakeChild,
  type FakeWorld,
  type FakeWorldOptions,
  openFakeWorld,
} from "../../support/fake-world.ts";

const ALICE = { service: "notes", id: "alice" };
const IDLE_MS = 300_000;
const PATIENCE = { signal: new AbortController().signal, by: "request from 203.0.113.7" };

let worlds: FakeWorld[] = [];

function openWorld(options?: FakeWorldOptions): FakeWorld {
  const world = openFakeWorld(options);
  worlds.push(world);
  return world;
}

afterEach(() => {
  for (const world of worlds) world.dispose();
  worlds = [];
});

/** Wakes an instance and lets it become ready. */
async function awake(world: FakeWorld, id = "alice"): Promise<Lease> {
  const lease = world.supervisor.wake({ service: "notes", id }, PATIENCE);
  await world.ready();
  return lease;
}

describe("leases", () => {
  test("a thousand waiting requests are one start; the next is told to come back", async () => {
    const world = openWorld();
    const alice = world.register("alice");
    const waiting = Array.from({ length: WAITERS_MAX }, () => alice.wake("request", PATIENCE));
    expect(alice.wake("request", PATIENCE)).rejects.toMatchObject({ code: "QUEUE_FULL" });
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

  test("sleeps after the idle timeout, but not under an open request or tunnel", async () => {
    const world = openWorld({ services: [{ healthIntervalMs: IDLE_MS * 10 }] });
    const alice = world.register("alice");
    const lease = await awake(world);
    lease.tunnel();
    await world.clock.advance(IDLE_MS * 3);
    expect(alice.instance.state.kind).toBe("running");
    lease.release();
    await world.clock.advance(IDLE_MS - 1);
    expect(alice.instance.state.kind).toBe("running");
    await world.clock.advance(1);
    expect(world.spawned[0]?.signals).toEqual(["SIGTERM"]);
    expect(alice.instance.state).toEqual({ kind: "asleep" });
  });

  test("a client that leaves leaves the queue", async () => {
    const world = openWorld();
    const alice = world.register("alice");
    const leaving = new AbortController();
    const gone = alice.wake("request", { ...PATIENCE, signal: leaving.signal });
    const stays = alice.wake("request", PATIENCE);
    leaving.abort(new Error("left"));
    expect(gone).rejects.toThrow("left");
    await world.ready();
    (await stays).release();
    expect(alice.traffic.open).toBe(0);
  });

  test("a start that fails answers every waiter with its reason", async () => {
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

  test("a crash is restarted after its back-off while requests wait", async () => {
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
});

describe("readiness", () => {
  test("a stranger on the instance's port is not taken for it", async () => {
    const world = openWorld();
    const alice = world.register("alice");
    const waiting = alice.wake("request", PATIENCE);
    const [child] = world.spawned;
    if (child !== undefined) child.listens = false;
    const refused = waiting.catch(({ message }: Error) => message);
    await world.clock.advance(11_000);
    expect(await refused).toContain("another program listens on 127.0.0.1:30000");
  });
});

describe("sockets", () => {
  test("an instance whose socket another living one has is not started", async () => {
    const socket = `/tmp/ten-none-${process.getuid?.()}/{name}-{id}.sock`;
    const world = openWorld({
      services: [
        { name: "a", socket },
        { name: "a-b", socket },
      ],
    });
    const [first, second] = [world.register("b-c", "a"), world.register("c", "a-b")];
    const lease = first?.wake("request", PATIENCE);
    await world.ready();
    (await lease)?.release();
    const refused = second?.wake("request", PATIENCE).catch(({ message }: Error) => message);
    expect(await refused).toContain('is that of "a:b-c"');
    await world.operator.stop({ service: "a", id: "b-c" });
    await world.clock.advance(2000);
    expect(second?.instance.state.kind).toBe("running");
  });
});

describe("the start queue", () => {
  test("no more than max_starting start at once, requests before the server's own", async () => {
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

  test("at the cap the least recently used idle instance makes room", async () => {
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

  test("with nobody idle the newcomer waits until one is", async () => {
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
});

describe("weights", () => {
  test("a stopped instance and one passed over are not picked; a sleeping one is", () => {
    const world = openWorld();
    const [a] = ["a", "b"].map((id) => world.register(id));
    a?.send({ kind: "rest", to: "stopped" });
    expect(world.supervisor.pick("notes", new Set())).toEqual({ service: "notes", id: "b" });
    expect(world.supervisor.pick("notes", new Set(["notes:b"]))).toBeNull();
  });

  test("weight 0 gets no service-level traffic", () => {
    const world = openWorld();
    world.register("a");
    world.operator.setWeight({ service: "notes", id: "a" }, 0);
    expect(world.supervisor.pick("notes", new Set())).toBeNull();
  });
});

describe("operators", () => {
  test("stopping resolves when nothing is left, and only an operator starts it again", async () => {
    const world = openWorld();
    world.register("alice");
    (await awake(world)).release();
    const child = world.spawned[0];
    if (child !== undefined) child.obedient = false;
    const stopped = world.operator.stop(ALICE);
    await world.clock.advance(10_000);
    expect((await stopped).state).toBe("stopped");
    expect(child?.signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(world.supervisor.wake(ALICE, PATIENCE)).rejects.toMatchObject({
      code: "INSTANCE_UNAVAILABLE",
    });
    const started = world.operator.start(ALICE);
    await world.ready();
    expect((await started).state).toBe("running");
  });

  test("a disabled instance is started by nobody until it is enabled", async () => {
    const world = openWorld();
    world.register("alice");
    await world.operator.disable(ALICE);
    expect(world.operator.start(ALICE)).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await world.operator.enable(ALICE)).state).toBe("asleep");
  });

  test("removing with purge deletes the data directory; without, it stays", async () => {
    const world = openWorld();
    for (const [id, purge] of [
      ["alice", true],
      ["bob", false],
    ] as const) {
      world.register(id);
      (await awake(world, id)).release();
      await world.operator.remove({ service: "notes", id }, { purge });
      expect(existsSync(`${world.dataDir}/notes/${id}`)).toBe(!purge);
    }
    expect(world.operator.list()).toEqual([]);
    expect(world.store.instances.list()).toEqual([]);
  });

  test("the environment is stored and applied at the next start", async () => {
    const world = openWorld();
    world.register("alice");
    world.operator.setEnvironment(ALICE, { KEY: "1", OTHER: "2" });
    world.operator.setEnvironment(ALICE, { OTHER: null });
    (await awake(world)).release();
    expect(world.spawned[0]?.env).toMatchObject({ KEY: "1", TENEMENT_INSTANCE: "alice" });
    expect(world.spawned[0]?.env).not.toHaveProperty("OTHER");
  });

  test("a restart begins anew whatever the state", async () => {
    const world = openWorld();
    world.register("alice");
    for (const launches of [1, 2]) {
      const restarted = world.operator.restart(ALICE);
      await world.ready();
      expect((await restarted).state).toBe("running");
      expect(world.spawned).toHaveLength(launches);
    }
  });

  test("without storage_persist the data directory goes when the instance rests, not at a restart", async () => {
    const world = openWorld({ services: [{ storagePersist: false }] });
    world.register("alice");
    (await awake(world)).release();
    const restarted = world.operator.restart(ALICE);
    await world.ready();
    await restarted;
    expect(existsSync(`${world.dataDir}/notes/alice`)).toBe(true);
    await world.operator.sleep(ALICE);
    expect(existsSync(`${world.dataDir}/notes/alice`)).toBe(false);
  });

  test("the story tells who woke it and how it ended", async () => {
    const world = openWorld();
    world.register("alice");
    (await awake(world)).release();
    await world.operator.stop(ALICE);
    const { lastWake, lastExit } = world.operator.story(ALICE);
    expect(lastWake?.by).toBe("request from 203.0.113.7");
    expect(lastWake?.readyMs).toBe(1);
    expect(lastExit?.reason).toBe("was terminated by SIGTERM");
  });
});

describe("creating on request", () => {
  test("an unknown id is created up to the cap, and only where the service says so", async () => {
    const world = openWorld({ services: [{ autoCreate: true, maxInstances: 1 }, { name: "api" }] });
    const { supervisor } = world;
    expect(supervisor.decide({ host: "x.api.localhost", path: "/" })).toEqual({ kind: "unknown" });
    expect(supervisor.decide({ host: "x.notes.localhost", path: "/" }).kind).toBe("instance");
    (await awake(world, "x")).release();
    expect(() => supervisor.wake({ service: "notes", id: "y" }, PATIENCE)).toThrow("full");
    expect(supervisor.decide({ host: "-.notes.localhost", path: "/" }).kind).toBe("unknown");
  });
});

test("a server that closes also ends what an order has started meanwhile", async () => {
  const world = openWorld();
  world.register("alice");
  (await awake(world)).release();
  const [alice] = world.spawned;
  if (alice !== undefined) alice.obedient = false;
  const closed = world.supervisor.close();
  world.register("bob");
  const started = world.operator.start({ service: "notes", id: "bob" });
  await world.ready();
  await started;
  await world.clock.advance(10_000);
  await closed;
  expect(world.operator.list().map(({ state }) => state)).toEqual(["stopped", "stopped"]);
});

describe("a full disk", () => {
  test("fails the operation that met it and leaves what runs alone", async () => {
    const world = openWorld();
    const alice = world.register("alice");
    (await awake(world)).release();
    const full = () => {
      throw new Error("database or disk is full");
    };
    world.store.instances.setWanted = full;
    world.store.instances.setWeight = full;
    expect(() => world.operator.setWeight(ALICE, 1)).toThrow("Cannot store the change");
    expect((await world.operator.stop(ALICE)).state).toBe("stopped");
    expect(world.reports).toHaveLength(1);
    expect(alice.instance.state.kind).toBe("stopped");
  });
});

describe("taking over", () => {
  /** A world whose server dies with one instance running. */
  async function crashedWorld(): Promise<{ dataDir: string; child: FakeChild }> {
    const world = openWorld();
    world.register("alice");
    (await awake(world)).release();
    const [child] = world.spawned;
    if (child === undefined) throw new Error("Nothing was spawned");
    return { dataDir: world.dataDir, child };
  }

  test("a living process goes on without a restart, and its next exit is noticed", async () => {
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

  test("what no longer matches is asleep, and what bears its mark is ended", async () => {
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

  test("a process that does not answer where it listened is not taken over", async () => {
    const { dataDir, child } = await crashedWorld();
    const next = openWorld({ dataDir });
    next.spawner.living.set(child.ref.pid, child);
    next.probes.answer = () => ({ kind: "unready", reason: "nothing listens" });
    await takeOver(next.supervisor, next);
    expect(next.operator.view(ALICE).state).toBe("asleep");
  });

  test("nor is one whose port a stranger has", async () => {
    const { dataDir, child } = await crashedWorld();
    const next = openWorld({ dataDir });
    child.listens = false;
    next.spawner.living.set(child.ref.pid, child);
    await takeOver(next.supervisor, next);
    expect(next.operator.view(ALICE).state).toBe("asleep");
  });

  test("listed instances and those that never sleep start; a stopped one stays stopped", async () => {
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

  test("an instance of a service that is no longer configured is kept but not run", async () => {
    const { dataDir } = await crashedWorld();
    const next = openWorld({ dataDir, services: [{ name: "other" }] });
    await takeOver(next.supervisor, next);
    expect(next.operator.list()).toEqual([]);
    expect(next.store.instances.list()).toHaveLength(1);
  });
});

describe("a launch that can't be", () => {
  const cases: readonly { what: string; service: Partial<Service>; says: object }[] = [
    {
      what: "a working directory that is not there",
      service: { workdir: "/nonexistent" },
      says: {
        code: "START_FAILED",
        message: 'Cannot start "notes:alice": workdir /nonexistent is not a directory',
        hint: "Make that directory, or correct workdir in [service.notes]",
      },
    },
    {
      what: "an env_file that is not there",
      service: { envFile: "/nonexistent" },
      says: {
        code: "START_FAILED",
        message: 'Cannot start "notes:alice": env_file /nonexistent can\'t be read (ENOENT)',
        hint: "Make it readable for the server, or correct env_file in [service.notes]",
      },
    },
    {
      what: "a level that its service lacks something for",
      service: { isolation: "firecracker" as const },
      says: {
        code: "LEVEL_MISSING",
        message:
          'Cannot start "notes:alice": isolation = "firecracker" is not available: no kernel or no image is set',
        hint: "set kernel and rootfs in [service.notes]",
      },
    },
  ];
  for (const { what, service, says } of cases) {
    test(`for ${what} says so, and what to do`, async () => {
      const world = openWorld({ services: [service] });
      world.register("alice");
      await expect(world.operator.start(ALICE)).rejects.toMatchObject(says);
    });
  }
});
