import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { systemClock } from "../../../../src/platform/clock.ts";
import {
  type HandoverState,
  handOver as handOverAll,
} from "../../../../src/supervisor/handover/handover-state.ts";
import { LeaseLedger } from "../../../../src/supervisor/handover/lease-ledger.ts";
import { LeaseReport } from "../../../../src/supervisor/handover/lease-report.ts";
import { takeOver } from "../../../../src/supervisor/handover/takeover.ts";
import type { InstanceActor } from "../../../../src/supervisor/instance/actor.ts";
import {
  type FakeWorld,
  type FakeWorldOptions,
  openFakeWorld,
} from "../../../support/fake-world.ts";
import { until } from "../../../support/until.ts";

const ALICE = { service: "notes", id: "alice" };
const PATIENCE = { signal: new AbortController().signal, by: "request from 203.0.113.7" };
const IDLE_MS = 300_000;
const ignore = () => undefined;

let worlds: FakeWorld[] = [];
let world: FakeWorld;
let alice: InstanceActor;

function openWorld(options?: FakeWorldOptions): FakeWorld {
  const opened = openFakeWorld(options);
  worlds.push(opened);
  return opened;
}

beforeEach(() => {
  world = openWorld();
  alice = world.register("alice");
});

afterEach(() => {
  for (const opened of worlds.reverse()) opened.dispose();
  worlds = [];
});

async function awake(): Promise<void> {
  const lease = alice.wake("request", PATIENCE);
  await world.ready();
  (await lease).release();
}

/** The next server: what lived goes on living, and the handover state went over the wire. */
async function follow(
  handoverState: unknown,
  answer: FakeWorld["probes"]["answer"] | null = null,
): Promise<FakeWorld> {
  const next = openWorld({
    dataDir: world.dataDir,
    handoverState: JSON.parse(JSON.stringify(handoverState)),
  });
  if (answer !== null) next.probes.answer = answer;
  for (const child of world.spawned) {
    if (child.isLiving) next.spawner.living.set(child.ref.pid, child);
  }
  await takeOver(next.supervisor, next);
  return next;
}

const handOver = (onTraffic: () => void = () => undefined): HandoverState =>
  handOverAll(world.supervisor, onTraffic);

describe("a server that hands over", () => {
  test("does nothing more: starts, stops and writes no more, whatever happens", async () => {
    await awake();
    handOver();
    const row = world.store.instances.list()[0];
    alice.send({ kind: "rest", to: "stopped" });
    await world.clock.advance(IDLE_MS * 2);
    expect(world.spawned[0]?.signals).toEqual([]);
    world.spawned[0]?.end({ kind: "code", code: 1 });
    await world.clock.advance(IDLE_MS);
    expect(world.spawned).toHaveLength(1);
    expect(world.store.instances.list()[0]).toEqual(row as NonNullable<typeof row>);
  });

  test("sends away who waits, and who comes", async () => {
    const waiting = alice.wake("request", PATIENCE);
    handOver();
    const refusal = { code: "INSTANCE_UNAVAILABLE", retryAfterMs: 1000 };
    await expect(waiting).rejects.toMatchObject(refusal);
    await expect(alice.wake("request", PATIENCE)).rejects.toMatchObject(refusal);
  });

  test("tells of each lease that ends or becomes a tunnel", async () => {
    await awake();
    const [first, second] = [alice.lease(), alice.lease()];
    const told: number[] = [];
    handOver(() => told.push(alice.traffic.open));
    first?.tunnel();
    second?.release();
    first?.release();
    expect(told).toEqual([2, 1, 0]);
  });
});

describe("the server that follows", () => {
  test("goes on with a process that has no room for one more connection", async () => {
    await awake();
    const next = await follow(handOver(), () => ({ kind: "unready", reason: "it is busy" }));
    expect(next.supervisor.get(ALICE).instance.state.kind).toBe("running");
    expect(next.reports).toEqual([]);
  });

  test("remembers crashes, restarts and the story so far", async () => {
    await awake();
    world.spawned[0]?.end({ kind: "code", code: 3 });
    await world.clock.advance(1500);
    await world.ready();
    expect(alice.instance.state.kind).toBe("running");
    const next = await follow(handOver());
    const heir = next.supervisor.get(ALICE);
    expect(heir.instance.restarts).toBe(1);
    expect(heir.instance.crashes).toHaveLength(1);
    expect(heir.story.lastWake?.by).toBe("a restart after a crash");
    expect(heir.story.lastExit?.reason).toContain("3");
    expect(next.spawned).toHaveLength(0);
  });

  test("goes on backing off, for the rest of the time", async () => {
    await awake();
    world.spawned[0]?.end({ kind: "code", code: 3 });
    await world.settle();
    expect(alice.instance.state.kind).toBe("waiting");
    await world.clock.advance(900);
    const next = await follow(handOver());
    expect(next.operator.view(ALICE).state).toBe("waiting");
    await next.clock.advance(50);
    expect(next.spawned).toHaveLength(0);
    await next.clock.advance(100);
    expect(next.spawned).toHaveLength(1);
  });

  test("goes on with a start, whose request then comes to it", async () => {
    const waiting = alice.wake("request", PATIENCE);
    const handoverState = handOver();
    await expect(waiting).rejects.toThrow();
    const next = await follow(handoverState);
    const lease = next.supervisor.wake(ALICE, PATIENCE);
    await next.ready();
    (await lease).release();
    expect(next.spawned).toHaveLength(0);
  });

  test("does without what it does not understand", async () => {
    await awake();
    handOver();
    for (const handoverState of [null, 7, {}, { format: 2, instances: { "notes:alice": "?" } }]) {
      const next = await follow(handoverState);
      expect(next.operator.view(ALICE).state).toBe("running");
    }
  });

  test("holds leases for the earlier one until that one tells of them itself", async () => {
    await awake();
    alice.lease()?.tunnel();
    const next = await follow(handOver());
    const heir = next.supervisor.get(ALICE);
    expect(heir.traffic).toMatchObject({ open: 1, busy: 0 });
    await next.clock.advance(IDLE_MS * 2);
    expect(heir.instance.state.kind).toBe("running");
    next.received.releaseLeases();
    await next.clock.advance(IDLE_MS * 2);
    expect(heir.instance.state.kind).toBe("asleep");
  });
});

describe("leases through an earlier server", () => {
  const pathOf = (name = "leases") => `${world.dataDir}/.${name}`;
  const report = () =>
    new LeaseReport({ path: pathOf(), clock: systemClock, actors: world.supervisor.actors() });

  test("are held by the next one, and end with theirs", async () => {
    await awake();
    const [request, socket] = [alice.lease(), alice.lease()];
    using told = report();
    const next = await follow(handOver(() => told.changed()));
    const heir = next.supervisor.get(ALICE);
    const { promise: begun, resolve: onReport } = Promise.withResolvers<void>();
    using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport });
    told.begin();
    await begun;
    next.received.releaseLeases();
    expect(heir.traffic).toMatchObject({ open: 2, busy: 2 });
    socket?.tunnel();
    await until("it is a tunnel", () => heir.traffic.busy === 1 && heir.traffic.open === 2);
    request?.release();
    await until("the request has ended", () => heir.traffic.open === 1);
    socket?.release();
    await until("none is left", () => heir.traffic.open === 0);
  });

  test("are waited for when their instance stops", async () => {
    await awake();
    const [first, second] = [alice.lease(), alice.lease()];
    using told = report();
    const next = await follow(handOver(() => told.changed()));
    const heir = next.supervisor.get(ALICE);
    const { promise: begun, resolve: onReport } = Promise.withResolvers<void>();
    using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport });
    told.begin();
    await begun;
    next.received.releaseLeases();
    heir.send({ kind: "rest", to: "stopped" });
    first?.release();
    await until("one has ended", () => heir.traffic.open === 1);
    expect(heir.instance.state.kind).toBe("draining");
    second?.release();
    await until("it stops", () => heir.instance.state.kind === "stopped");
  });

  test("end with the server that holds them", async () => {
    await awake();
    alice.lease();
    const told = report();
    const next = await follow(handOver());
    const heir = next.supervisor.get(ALICE);
    next.received.releaseLeases();
    using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport: ignore });
    told.begin();
    await until("it is held", () => heir.traffic.open === 1);
    told[Symbol.dispose]();
    await until("it has ended", () => heir.traffic.open === 0);
  });

  test("move on to the server that takes over next, or comes after a crash", async () => {
    await awake();
    alice.lease();
    using told = report();
    const next = await follow(handOver());
    told.begin();
    {
      using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport: ignore });
      await until("it is held", () => next.supervisor.get(ALICE).traffic.open === 2);
    }
    const last = await follow(null);
    using _ = new LeaseLedger({ path: pathOf(), supervisor: last.supervisor, onReport: ignore });
    await until("it is held", () => last.supervisor.get(ALICE).traffic.open === 1);
  });

  test("nobody can make the server stumble", async () => {
    let told = 0;
    using _ = new LeaseLedger({
      path: pathOf(),
      supervisor: world.supervisor,
      onReport: () => (told += 1),
    });
    for (const text of ["{\n", "7\n", '{"ref":"a"}\n', '{"ref":"No","requests":1,"tunnels":0}\n']) {
      createConnection(pathOf()).end(text);
    }
    await until("all were read", () => told === 4);
    const flood = createConnection(pathOf());
    flood.on("error", () => undefined).write("x".repeat(5000));
    await new Promise((resolve) => flood.once("close", resolve));
  });
});
