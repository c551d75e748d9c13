import { expect, test } from "bun:test";
import { closeInTime } from "../../../src/server/bounded-close.ts";
import { awake, childOf, useWorlds } from "../supervisor/worlds.ts";

const openWorld = useWorlds();

test("a server whose instances do not stop ends after their timeouts, and names them", async () => {
  const world = openWorld({ services: [{ stopTimeoutMs: 5000 }] });
  for (const id of ["alice", "bob"]) {
    world.register(id);
    (await awake(world, id)).release();
  }
  childOf(world, 0).signal = () => undefined;
  const closing = closeInTime(world.supervisor.close(), world);
  const outcome = closing.catch(({ message }: Error) => message);
  await world.clock.advance(60_000);
  expect(await outcome).toBe('Cannot stop "notes:alice": the processes do not end');
});

test("a server that ends in time is not cut short", async () => {
  const world = openWorld();
  world.register("alice");
  (await awake(world)).release();
  await closeInTime(world.supervisor.close(), world);
  expect(childOf(world).isLiving).toBe(false);
});
