import { expect, test } from "bun:test";
import { EXECS_PER_INSTANCE_MAX } from "../../../src/core/ref.ts";
import { ALICE, awake, IDLE_MS, useWorlds } from "./worlds.ts";

const openWorld = useWorlds();
const PIPES = { command: ["id"], terminal: null } as const;
const TERMINAL = { command: [], terminal: { size: { columns: 80, rows: 24 }, name: "xterm" } };

test("a command runs beside the application of an awake instance, which does not sleep meanwhile", async () => {
  const world = openWorld({ services: [{ healthIntervalMs: IDLE_MS * 10 }] });
  const alice = world.register("alice");
  (await awake(world)).release();
  const exec = await world.operator.exec(ALICE, PIPES);
  expect(world.execs[0]?.order).toMatchObject({ beside: { slot: 0 }, place: 2 });
  await world.clock.advance(IDLE_MS * 3);
  expect(alice.instance.state.kind).toBe("running");
  world.execs[0]?.exit({ kind: "code", code: 3 });
  expect(await exec.ended).toEqual({ code: 3, reason: null });
  await world.settle();
  expect(world.execs[0]?.isRetired).toBe(true);
  await world.clock.advance(IDLE_MS);
  expect(alice.instance.state.kind).toBe("asleep");
});

test("a command in a sleeping instance wakes nothing, and survives a wake and a stop", async () => {
  const world = openWorld();
  const alice = world.register("alice");
  await world.operator.exec(ALICE, PIPES);
  expect(world.execs[0]?.order.beside).toBe(null);
  expect(alice.instance.state.kind).toBe("asleep");
  (await awake(world)).release();
  await world.operator.stop(ALICE);
  expect(world.execs[0]?.signals).toEqual([]);
});

test("a command ends with the application beside it, and is killed when it ignores that", async () => {
  const world = openWorld();
  world.register("alice");
  (await awake(world)).release();
  const exec = await world.operator.exec(ALICE, PIPES);
  const [fake] = world.execs;
  if (fake !== undefined) fake.obedient = false;
  await world.operator.stop(ALICE);
  await world.settle();
  expect(fake?.signals).toEqual(["SIGHUP"]);
  await world.clock.advance(2000);
  expect(fake?.signals).toEqual(["SIGHUP", "SIGKILL"]);
  expect(await exec.ended).toEqual({ code: 137, reason: "the application beside it was stopped" });
});

test("a removed instance and a closed server end their commands first", async () => {
  const world = openWorld();
  world.register("alice");
  const removed = await world.operator.exec(ALICE, PIPES);
  await world.operator.remove(ALICE, { purge: false });
  expect(await removed.ended).toEqual({ code: 137, reason: "the instance was removed" });
  world.register("alice");
  const closed = await world.operator.exec(ALICE, PIPES);
  await world.supervisor.close();
  expect(await closed.ended).toEqual({ code: 137, reason: "the server stops" });
  await expect(world.operator.exec(ALICE, PIPES)).rejects.toThrow("the server stops");
});

test("commands of one instance are bounded, and each has a place of its own", async () => {
  const world = openWorld();
  world.register("alice");
  for (let count = 0; count < EXECS_PER_INSTANCE_MAX; count++) {
    await world.operator.exec(ALICE, PIPES);
  }
  const places = world.execs.map(({ order }) => order.place);
  expect(new Set(places).size).toBe(EXECS_PER_INSTANCE_MAX);
  const surplus = world.operator.exec(ALICE, PIPES);
  await expect(surplus).rejects.toThrow(`${EXECS_PER_INSTANCE_MAX} commands run in it`);
  world.execs[3]?.exit();
  await world.settle();
  await world.operator.exec(ALICE, PIPES);
  expect(world.execs.at(-1)?.order.place).toBe(places[3] ?? -1);
});

test("what is typed at a terminal goes out in frames, as its size does", async () => {
  const world = openWorld();
  world.register("alice");
  const exec = await world.operator.exec(ALICE, TERMINAL);
  await exec.write(Buffer.from("ls\r"));
  exec.resize({ columns: 0x0102, rows: 0x30 });
  exec.endInput();
  expect(world.execs[0]?.input).toBe("d\0\x03ls\rs\0\x04\0\x30\x01\x02");
  expect(world.execs[0]?.isInputOpen).toBe(true);
});
