import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { ALICE, awake, IDLE_MS, useWorlds } from "./worlds.ts";

const openWorld = useWorlds();

test("an instance sleeps after the idle timeout, counted from the end of its last request or tunnel", async () => {
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

test("an idle tunnel lets its instance sleep, and with traffic keeps it awake again", async () => {
  const world = openWorld({
    services: [{ healthIntervalMs: IDLE_MS * 10, tunnelIdleMs: 60_000 }],
  });
  const alice = world.register("alice");
  const lease = await awake(world);
  expect(lease.tunnelIdleMs).toBe(60_000);
  lease.tunnel();
  lease.idle();
  await world.clock.advance(IDLE_MS - 1);
  lease.tunnel();
  await world.clock.advance(IDLE_MS * 3);
  expect(alice.instance.state.kind).toBe("running");
  expect(alice.leaseCounts).toEqual({ requests: 0, tunnels: 1 });
  lease.idle();
  expect(alice.leaseCounts).toEqual({ requests: 0, tunnels: 0 });
  await world.clock.advance(IDLE_MS);
  expect(alice.instance.state).toEqual({ kind: "asleep" });
  lease.release();
  lease.release();
  expect(alice.leaseCounts).toEqual({ requests: 0, tunnels: 0 });
});

test("without storage_persist the data directory is deleted when the instance rests, not when it restarts", async () => {
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
