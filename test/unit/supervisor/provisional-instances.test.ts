import { expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Patience } from "../../../src/supervisor/gateway.ts";
import type { FakeWorld } from "../../support/fake-world.ts";
import { until } from "../../support/until.ts";
import { IDLE_MS, PATIENCE, useWorlds } from "./worlds.ts";

const openWorld = useWorlds();
const OPTIONS = { services: [{ autoCreate: true, maxInstances: 2, idleTimeoutMs: IDLE_MS }] };
const SAFE: Patience = { ...PATIENCE, isSafe: true };
const refOf = (id: string) => ({ service: "notes", id });
const registered = (world: FakeWorld) => [...world.supervisor.actors()].map(({ ref }) => ref.id);

/** A request for an instance, answered; its application writes a file. */
async function visit(world: FakeWorld, id: string, patience = SAFE): Promise<string> {
  const waiting = world.supervisor.wake(refOf(id), patience);
  await world.ready();
  const directory = world.supervisor.world.home.directory(refOf(id));
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "file"), "written");
  (await waiting).release();
  return join(directory, "file");
}

async function fallAsleep(world: FakeWorld): Promise<void> {
  await world.clock.advance(IDLE_MS);
  await world.settle();
}

test("a provisional instance takes no traffic of its service", async () => {
  const world = openWorld(OPTIONS);
  await visit(world, "provisional");
  await visit(world, "posted", PATIENCE);
  expect(world.supervisor.pick("notes", new Set())).toBeNull();
  world.operator.setWeight(refOf("provisional"), 5);
  expect(world.supervisor.pick("notes", new Set())).toEqual(refOf("provisional"));
});

test("a provisional instance is forgotten with its files when it falls asleep", async () => {
  const world = openWorld(OPTIONS);
  const files = [await visit(world, "a"), await visit(world, "b")];
  expect(() => world.supervisor.wake(refOf("c"), SAFE)).toThrow("full");
  await fallAsleep(world);
  await until("the files are gone", () => !files.some((file) => existsSync(file)));
  expect(registered(world)).toEqual([]);
  await visit(world, "c");
  expect(registered(world)).toEqual(["c"]);
});

test("one that is used a second time stays, and so do its files", async () => {
  const world = openWorld(OPTIONS);
  const file = await visit(world, "a");
  world.supervisor.lease(refOf("a"))?.release();
  await fallAsleep(world);
  expect(registered(world)).toEqual(["a"]);
  expect(existsSync(file)).toBe(true);
});

test("one that a request which may write has created stays", async () => {
  const world = openWorld(OPTIONS);
  const file = await visit(world, "a", PATIENCE);
  await fallAsleep(world);
  expect(registered(world)).toEqual(["a"]);
  expect(existsSync(file)).toBe(true);
});

test("one whose files were there before stays", async () => {
  const world = openWorld(OPTIONS);
  const directory = world.supervisor.world.home.directory(refOf("a"));
  mkdirSync(directory, { recursive: true });
  const file = await visit(world, "a");
  await fallAsleep(world);
  expect(registered(world)).toEqual(["a"]);
  expect(existsSync(file)).toBe(true);
});

test.each([
  ["set its weight", (world: FakeWorld) => world.operator.setWeight(refOf("a"), 0)],
  ["set its environment", (world: FakeWorld) => world.operator.setEnvironment(refOf("a"), {})],
  ["registered it", (world: FakeWorld) => world.operator.register(refOf("a"), {})],
  [
    "given it a hostname",
    (world: FakeWorld) => world.supervisor.domains.add("a.example", refOf("a")),
  ],
])("one that an operator has %s stays", async (_, change: (world: FakeWorld) => unknown) => {
  const world = openWorld(OPTIONS);
  const file = await visit(world, "a");
  change(world);
  await fallAsleep(world);
  expect(registered(world)).toEqual(["a"]);
  expect(existsSync(file)).toBe(true);
});

test("one that has a hostname from before it was created stays, with its hostname", async () => {
  const world = openWorld(OPTIONS);
  world.supervisor.domains.add("a.example", refOf("a"));
  await visit(world, "a");
  await fallAsleep(world);
  expect(registered(world)).toEqual(["a"]);
  expect(world.supervisor.domains.find("a.example")).toEqual(refOf("a"));
});

test("one that never became ready makes room when the service is full", async () => {
  const restart = {
    policy: "never",
    max: 0,
    windowMs: 1,
    backoffBaseMs: 0,
    backoffMaxMs: 0,
  } as const;
  const service = { ...OPTIONS.services[0], maxInstances: 1, restart };
  const world = openWorld({ services: [service] });
  world.probes.answer = () => ({ kind: "unready", reason: "not yet" });
  const refused = world.supervisor.wake(refOf("a"), SAFE).catch((error: Error) => error.message);
  await world.settle();
  for (const child of world.spawned) child.end({ kind: "code", code: 1 });
  expect(await refused).toContain("Cannot start");
  expect(registered(world)).toEqual(["a"]);
  world.supervisor.wake(refOf("b"), SAFE).catch(() => undefined);
  expect(registered(world)).toEqual(["b"]);
});

test("whether an instance is provisional is known after a restart of the server", async () => {
  const world = openWorld(OPTIONS);
  await visit(world, "a");
  await visit(world, "b", PATIENCE);
  const rows = world.supervisor.world.table.list();
  expect(rows.map(({ ref, provisional }) => [ref.id, provisional])).toEqual([
    ["a", true],
    ["b", false],
  ]);
});
