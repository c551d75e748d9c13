// The end of a launch: an instance leaves "stopping" whatever fails while it is cleaned up.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { ALICE, awake, childOf, PATIENCE, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

async function runningWorld() {
  const directory = `/tmp/ten-cleaning-${crypto.randomUUID()}`;
  const world = openWorld({ services: [{ socket: `${directory}/{id}.sock`, idleTimeoutMs: 0 }] });
  const actor = world.register("alice");
  (await awake(world)).release();
  const socket = actor.launched?.socketPath ?? "";
  return { world, actor, socket, remove: () => rmSync(directory, { recursive: true }) };
}

test("an instance stops although its files can't be removed, which is tried again", async () => {
  const { remove, socket, world } = await runningWorld();
  // Only a file is expected there.
  mkdirSync(`${socket}/full`, { recursive: true });
  await world.operator.stop(ALICE);
  expect(world.operator.view(ALICE).state).toBe("stopped");
  expect(world.reports).toHaveLength(1);
  rmSync(socket, { recursive: true });
  writeFileSync(socket, "");
  await world.clock.advance(1000);
  expect(existsSync(socket)).toBe(false);
  remove();
});

test("files of the next launch are not removed with those of the one before", async () => {
  const { remove, socket, world } = await runningWorld();
  mkdirSync(`${socket}/full`, { recursive: true });
  await world.operator.stop(ALICE);
  rmSync(socket, { recursive: true });
  const started = world.operator.start(ALICE);
  await world.ready();
  await started;
  writeFileSync(socket, "");
  await world.clock.advance(600_000);
  expect(existsSync(socket)).toBe(true);
  remove();
});

test("an instance whose files can't be removed for long is given up, and starts again", async () => {
  const { remove, socket, world } = await runningWorld();
  mkdirSync(`${socket}/full`, { recursive: true });
  await world.operator.stop(ALICE);
  await world.clock.advance(600_000);
  expect(world.reports).toHaveLength(1);
  rmSync(socket, { recursive: true });
  const started = world.operator.start(ALICE);
  await world.ready();
  expect((await started).state).toBe("running");
  remove();
});

test("an instance stops although some of its processes can't be ended, and reports them", async () => {
  const world = openWorld();
  world.register("alice");
  const gone = Promise.withResolvers<void>();
  world.spawner.gone = gone.promise;
  (await awake(world)).release();
  const stopped = world.operator.stop(ALICE);
  await world.settle();
  expect(world.operator.view(ALICE).state).toBe("stopping");
  gone.reject(new Error("Cannot end the processes 7"));
  await stopped;
  expect(world.operator.view(ALICE).state).toBe("stopped");
  expect(world.reports.map(String)).toEqual(["Error: Cannot end the processes 7"]);
});

test("an instance is killed although its stop signal can't be sent", async () => {
  const { remove, world } = await runningWorld();
  const child = childOf(world);
  const { signal } = child;
  child.signal = (name) => {
    if (name !== "SIGKILL") throw new Error("EPERM");
    signal.call(child, name);
  };
  const stopped = world.operator.stop(ALICE);
  await world.clock.advance(60_000);
  expect((await stopped).state).toBe("stopped");
  expect(world.reports.map(String)).toContain("Error: EPERM");
  remove();
});

test("a probe that the server can't make leaves the instance unready, with the reason", async () => {
  const world = openWorld();
  const actor = world.register("alice");
  world.probes.answer = () => ({ kind: "unready", reason: "not yet" });
  const lease = world.supervisor.wake(ALICE, PATIENCE);
  const refused = lease.catch(({ message }: Error) => message);
  await world.ready();
  Object.assign(actor.launched?.enclosure ?? {}, {
    explainFailedStart: () => null,
    exposeSocket: () => {
      throw new Error("EMLINK: too many links");
    },
  });
  await world.clock.advance(600_000);
  expect(await refused).toContain("EMLINK: too many links");
});
