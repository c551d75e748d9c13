import { afterEach, describe, expect, test } from "bun:test";
import { unavailable } from "../../../src/core/failure.ts";
import type { Service } from "../../../src/core/service.ts";
import { type FakeWorld, openFakeWorld } from "../../support/fake-world.ts";

const ALICE = { service: "notes", id: "alice" };
const MIB = 1024 ** 2;
/** Longer than any wait between two looks. */
const LOOK_MS = 61_000;

let world: FakeWorld;

afterEach(() => world.dispose());

/** A running instance with a quota of 100 MiB. */
async function running(service: Partial<Service> = {}): Promise<void> {
  world = openFakeWorld({
    services: [{ storageQuotaBytes: 100 * MIB, idleTimeoutMs: 0, ...service }],
  });
  world.register("alice");
  await start();
}

async function start(): Promise<void> {
  const started = world.operator.start(ALICE);
  await world.settle();
  await world.ready();
  await started;
}

async function store(bytes: number): Promise<void> {
  world.sizes.set("alice", bytes);
  await world.clock.advance(LOOK_MS);
}

const notes = () => world.logs.notes.filter((note) => note.startsWith("storage"));
const told = () => world.reports.filter((report) => typeof report === "string");

describe("a quota", () => {
  test("causes a warning at 80 % and at 100 %, once each, in the log and from the server", async () => {
    await running();
    await store(50 * MIB);
    expect(notes()).toEqual([]);
    for (const size of [80, 85, 78, 85]) await store(size * MIB);
    const near = "storage fills up: 80.0 of 100.0 MiB (80 %)";
    expect(notes()).toEqual([`${near}`]);
    expect(told()).toEqual([`notes:alice: ${near}`]);
    for (const size of [101, 97, 102]) await store(size * MIB);
    expect(notes().slice(1)).toEqual(["storage is over its quota: 101.0 of 100.0 MiB (101 %)"]);
    expect(world.operator.view(ALICE)).toMatchObject({
      state: "running",
      warnings: ["storage is over its quota: 102.0 of 100.0 MiB (102 %)"],
    });
    await store(10 * MIB);
    expect(world.operator.view(ALICE).warnings).toEqual([]);
    await store(90 * MIB);
    expect(notes()).toHaveLength(3);
  });

  test("is no longer watched once the instance is removed, also during a measurement", async () => {
    await running();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.measuring.held = promise;
    world.sizes.set("alice", 110 * MIB);
    const measured = world.operator.measureStorage(ALICE);
    const removed = world.operator.remove(ALICE, { purge: false });
    await world.clock.advance(LOOK_MS);
    await removed;
    resolve();
    expect((await measured).bytes).toBe(110 * MIB);
    expect(notes()).toEqual([]);
    expect(world.supervisor.world.storage.warningOf(ALICE)).toBeNull();
  });

  test("is checked on demand, too", async () => {
    await running();
    world.sizes.set("alice", 90 * MIB);
    expect(await world.operator.measureStorage(ALICE)).toEqual({
      bytes: 90 * MIB,
      isWhole: true,
    });
    expect(notes()).toHaveLength(1);
    await store(90 * MIB);
    expect(notes()).toHaveLength(1);
  });

  test("is reported to be at least reached where not everything can be seen", async () => {
    await running();
    world.partlySeen.add("alice");
    await store(10 * MIB);
    expect(world.operator.view(ALICE).warnings).toEqual([
      "storage can't be measured as a whole: at least 10.0 of 100.0 MiB (10 %)",
    ]);
    expect(notes()).toEqual([]);
    await store(90 * MIB);
    expect(notes()).toEqual(["storage fills up: at least 90.0 of 100.0 MiB (90 %)"]);
  });

  test("is checked once more when the instance has come to rest, and not after", async () => {
    await running();
    world.sizes.set("alice", 90 * MIB);
    await world.operator.stop(ALICE);
    await world.settle();
    expect(notes()).toHaveLength(1);
    await store(200 * MIB);
    expect(notes()).toHaveLength(1);
  });

  test("that is not set is not checked", async () => {
    await running({ storageQuotaBytes: null });
    await store(1e15);
    expect(world.supervisor.world.storage.known(ALICE)).toBeNull();
  });

  test("of many instances is checked two at a time", async () => {
    world = openFakeWorld({ services: [{ storageQuotaBytes: MIB, idleTimeoutMs: 0 }] });
    const ids = ["a", "b", "c", "d", "e"];
    for (const id of ids) world.register(id).send({ kind: "wake", cause: "boot" });
    const { promise, resolve } = Promise.withResolvers<void>();
    world.measuring.held = promise;
    await world.clock.advance(LOOK_MS);
    expect(world.measuring.now).toBe(2);
    resolve();
    await world.settle();
    const { storage } = world.supervisor.world;
    expect(ids.map((id) => storage.known({ service: "notes", id }))).toEqual([0, 0, 0, 0, 0]);
    expect(world.measuring.most).toBe(2);
  });
});

describe('storage_enforce = "stop"', () => {
  const over = "storage is over its quota: 120.0 of 100.0 MiB (120 %)";
  const failure = unavailable(
    over,
    "Delete some of its files, or raise storage_quota_mb in [service.notes]",
  );

  test("stops the instance, tells the reason, and records the stop", async () => {
    await running({ storageEnforce: "stop" });
    await store(120 * MIB);
    expect(world.operator.view(ALICE)).toMatchObject({ state: "stopped", failure });
    expect(notes()).toEqual([`${over}; it is stopped`]);
    expect(world.store.audit.list(10)).toMatchObject([
      { actor: "server", action: "stop", subject: "notes:alice", outcome: over },
    ]);
    expect(world.spawned[0]?.signals).toEqual(["SIGTERM"]);
    const patience = { signal: new AbortController().signal, by: "a test" };
    await expect(world.supervisor.wake(ALICE, patience)).rejects.toThrow(over);
  });

  test("refuses a start only while the instance is over its quota", async () => {
    await running({ storageEnforce: "stop" });
    await store(120 * MIB);
    const refused = world.operator.start(ALICE);
    await expect(refused).rejects.toMatchObject({
      code: "CONFLICT",
      message: `Cannot start "notes:alice": its ${over}`,
      hint: expect.stringContaining("storage_quota_mb"),
    });
    world.sizes.set("alice", 99 * MIB);
    await start();
    expect(world.operator.view(ALICE)).toMatchObject({ state: "running", failure: null });
    expect(world.store.instances.list()[0]).toMatchObject({ wanted: "running", failure: null });
  });

  test("stops an instance that falls asleep over its quota", async () => {
    await running({ storageEnforce: "stop" });
    world.sizes.set("alice", 120 * MIB);
    await world.operator.sleep(ALICE);
    await world.settle();
    expect(world.operator.view(ALICE)).toMatchObject({ state: "stopped", failure });
  });

  test("is stored with the reason, for the next server", async () => {
    await running({ storageEnforce: "stop" });
    await store(120 * MIB);
    expect(world.store.instances.list()[0]).toMatchObject({ wanted: "stopped", failure });
    await world.operator.stop(ALICE);
    expect(world.store.instances.list()[0]).toMatchObject({ wanted: "stopped", failure: null });
  });
});
