import { beforeEach, describe, expect, test } from "bun:test";
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
import type { FakeWorld } from "../../../support/fake-world.ts";
import { until } from "../../../support/until.ts";
import { ALICE, awake, IDLE_MS, PATIENCE, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();
const ignore = () => undefined;

let world: FakeWorld;
let alice: InstanceActor;

beforeEach(() => {
  world = openWorld();
  alice = world.register("alice");
});

/** Starts alice, and leaves her without an open lease. */
async function run(): Promise<void> {
  (await awake(world)).release();
}

/** The next server, with the living processes and the handover state as JSON. */
async function startNext(
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

describe("the previous server", () => {
  test("neither starts, stops nor writes anything after it has handed over", async () => {
    await run();
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

  test("refuses waiting and later requests", async () => {
    const waiting = alice.wake("request", PATIENCE);
    handOver();
    const refusal = { code: "INSTANCE_UNAVAILABLE", retryAfterMs: 1000 };
    await expect(waiting).rejects.toMatchObject(refusal);
    await expect(alice.wake("request", PATIENCE)).rejects.toMatchObject(refusal);
  });

  test("reports each lease that ends or becomes a tunnel", async () => {
    await run();
    const [first, second] = [alice.lease(), alice.lease()];
    const counts: number[] = [];
    handOver(() => counts.push(alice.traffic.open));
    first?.tunnel();
    second?.release();
    first?.release();
    expect(counts).toEqual([2, 1, 0]);
  });
});

describe("the next server", () => {
  test("adopts a process that accepts no further connection", async () => {
    await run();
    const next = await startNext(handOver(), () => ({ kind: "unready", reason: "it is busy" }));
    expect(next.supervisor.get(ALICE).instance.state.kind).toBe("running");
    expect(next.reports).toEqual([]);
  });

  test("keeps crashes, restarts and the story", async () => {
    await run();
    world.spawned[0]?.end({ kind: "code", code: 3 });
    await world.clock.advance(1500);
    await world.ready();
    expect(alice.instance.state.kind).toBe("running");
    const next = await startNext(handOver());
    const resumed = next.supervisor.get(ALICE);
    expect(resumed.instance.restarts).toBe(1);
    expect(resumed.instance.crashes).toHaveLength(1);
    expect(resumed.story.lastWake?.by).toBe("a restart after a crash");
    expect(resumed.story.lastExit?.reason).toContain("3");
    expect(next.spawned).toHaveLength(0);
  });

  test("backs off for the remaining time", async () => {
    await run();
    world.spawned[0]?.end({ kind: "code", code: 3 });
    await world.settle();
    expect(alice.instance.state.kind).toBe("waiting");
    await world.clock.advance(900);
    const next = await startNext(handOver());
    expect(next.operator.view(ALICE).state).toBe("waiting");
    await next.clock.advance(50);
    expect(next.spawned).toHaveLength(0);
    await next.clock.advance(100);
    expect(next.spawned).toHaveLength(1);
  });

  test("completes a start, and serves its request", async () => {
    const waiting = alice.wake("request", PATIENCE);
    const handoverState = handOver();
    await expect(waiting).rejects.toThrow();
    const next = await startNext(handoverState);
    const lease = next.supervisor.wake(ALICE, PATIENCE);
    await next.ready();
    (await lease).release();
    expect(next.spawned).toHaveLength(0);
  });

  test("ignores a handover state in an unknown format", async () => {
    await run();
    handOver();
    for (const handoverState of [null, 7, {}, { format: 2, instances: { "notes:alice": "?" } }]) {
      const next = await startNext(handoverState);
      expect(next.operator.view(ALICE).state).toBe("running");
    }
  });

  test("holds leases for the previous server until that server reports them itself", async () => {
    await run();
    alice.lease()?.tunnel();
    const next = await startNext(handOver());
    const resumed = next.supervisor.get(ALICE);
    expect(resumed.traffic).toMatchObject({ open: 1, busy: 0 });
    await next.clock.advance(IDLE_MS * 2);
    expect(resumed.instance.state.kind).toBe("running");
    next.received.releaseLeases();
    await next.clock.advance(IDLE_MS * 2);
    expect(resumed.instance.state.kind).toBe("asleep");
  });
});

describe("leases of a replaced server", () => {
  const pathOf = (name = "leases") => `${world.dataDir}/.${name}`;
  const report = () =>
    new LeaseReport({ path: pathOf(), clock: systemClock, actors: world.supervisor.actors() });

  test("are held by the next server, and end there when they end here", async () => {
    await run();
    const [request, socket] = [alice.lease(), alice.lease()];
    using reported = report();
    const next = await startNext(handOver(() => reported.changed()));
    const resumed = next.supervisor.get(ALICE);
    const { promise: begun, resolve: onReport } = Promise.withResolvers<void>();
    using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport });
    reported.begin();
    await begun;
    next.received.releaseLeases();
    expect(resumed.traffic).toMatchObject({ open: 2, busy: 2 });
    socket?.tunnel();
    await until("it is a tunnel", () => resumed.traffic.busy === 1 && resumed.traffic.open === 2);
    request?.release();
    await until("the request has ended", () => resumed.traffic.open === 1);
    socket?.release();
    await until("none is left", () => resumed.traffic.open === 0);
  });

  test("keep their instance draining", async () => {
    await run();
    const [first, second] = [alice.lease(), alice.lease()];
    using reported = report();
    const next = await startNext(handOver(() => reported.changed()));
    const resumed = next.supervisor.get(ALICE);
    const { promise: begun, resolve: onReport } = Promise.withResolvers<void>();
    using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport });
    reported.begin();
    await begun;
    next.received.releaseLeases();
    resumed.send({ kind: "rest", to: "stopped" });
    first?.release();
    await until("one has ended", () => resumed.traffic.open === 1);
    expect(resumed.instance.state.kind).toBe("draining");
    second?.release();
    await until("it stops", () => resumed.instance.state.kind === "stopped");
  });

  test("end with the connection of that server", async () => {
    await run();
    alice.lease();
    const reported = report();
    const next = await startNext(handOver());
    const resumed = next.supervisor.get(ALICE);
    next.received.releaseLeases();
    using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport: ignore });
    reported.begin();
    await until("it is held", () => resumed.traffic.open === 1);
    reported[Symbol.dispose]();
    await until("it has ended", () => resumed.traffic.open === 0);
  });

  test("are reported to every later server", async () => {
    await run();
    alice.lease();
    using reported = report();
    const next = await startNext(handOver());
    reported.begin();
    {
      using _ = new LeaseLedger({ path: pathOf(), supervisor: next.supervisor, onReport: ignore });
      await until("it is held", () => next.supervisor.get(ALICE).traffic.open === 2);
    }
    const last = await startNext(null);
    using _ = new LeaseLedger({ path: pathOf(), supervisor: last.supervisor, onReport: ignore });
    await until("it is held", () => last.supervisor.get(ALICE).traffic.open === 1);
  });

  test("survive malformed and endless reports", async () => {
    let reports = 0;
    using _ = new LeaseLedger({
      path: pathOf(),
      supervisor: world.supervisor,
      onReport: () => (reports += 1),
    });
    for (const text of ["{\n", "7\n", '{"ref":"a"}\n', '{"ref":"No","requests":1,"tunnels":0}\n']) {
      createConnection(pathOf()).end(text);
    }
    await until("all were read", () => reports === 4);
    const flood = createConnection(pathOf());
    flood.on("error", () => undefined).write("x".repeat(5000));
    await new Promise((resolve) => flood.once("close", resolve));
  });
});
