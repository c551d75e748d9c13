// Leases of another server are held whatever room the instance has.
import { expect, test } from "bun:test";
import {
  holdLeases,
  ReceivedHandover,
} from "../../../../src/supervisor/handover/handover-state.ts";
import { awake, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();

async function runningWithRoomForTwo() {
  const world = openWorld({ services: [{ maxConcurrent: 2 }] });
  const alice = world.register("alice");
  (await awake(world)).release();
  return alice;
}

test("all open requests and tunnels are held, more than max_concurrent lets through", async () => {
  const alice = await runningWithRoomForTwo();
  const memory = { restarts: 0, crashAgesMs: [], backOff: null, lastWake: null, lastExit: null };
  const handover = { ...memory, leases: { requests: 2, tunnels: 3 } };
  const received = new ReceivedHandover({ format: 1, instances: { "notes:alice": handover } });
  received.apply(alice);
  expect(alice.traffic).toMatchObject({ open: 5, busy: 2 });
  received.releaseLeases();
  expect(alice.traffic.open).toBe(0);
});

test("leases are held while requests of this server take up all the room", async () => {
  const alice = await runningWithRoomForTwo();
  expect([alice.lease(), alice.lease(), alice.lease()].map((lease) => lease === null)).toEqual([
    ...[false, false],
    true,
  ]);
  expect(holdLeases(alice, "tunnel", 2)).toHaveLength(2);
  expect(holdLeases(alice, "request", 1)).toHaveLength(1);
  expect(alice.traffic).toMatchObject({ open: 5, busy: 3 });
});
