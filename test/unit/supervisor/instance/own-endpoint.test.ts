import { expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import type { UnixPeer } from "../../../../src/platform/kernel/unix-peer.ts";
import { isOwnPeer } from "../../../../src/supervisor/instance/own-endpoint.ts";
import type { Launched } from "../../../../src/supervisor/launch/launched.ts";
import { awake, childOf, useWorlds } from "../worlds.ts";

const openWorld = useWorlds();
const INTERVAL_MS = 10_000;
const user = process.geteuid?.() ?? 0;

async function launch() {
  const world = openWorld();
  const actor = world.register("alice");
  (await awake(world)).release();
  const { launched } = actor;
  if (launched === null) throw new Error("It has no process");
  return { world, child: childOf(world), launched };
}

/** A process that has ended. */
async function endedProcess(): Promise<number> {
  const ended = Bun.spawn(["true"]);
  await ended.exited;
  return ended.pid;
}

test("the peer at a socket of level process is of the launch, whatever its user", async () => {
  const { child, launched } = await launch();
  const living: UnixPeer = { pid: process.pid, user: user + 1 };
  expect(isOwnPeer(launched, living)).toBe(true);
  child.isMember = false;
  expect(isOwnPeer(launched, { ...living, user })).toBe(false);
});

test("of a peer that has ended or can't be seen, the user has to be the server's", async () => {
  const { launched } = await launch();
  for (const pid of [await endedProcess(), 0]) {
    expect(isOwnPeer(launched, { pid, user })).toBe(true);
    expect(isOwnPeer(launched, { pid, user: user + 1 })).toBe(false);
  }
});

test("no peer is checked behind walls, nor where the system does not tell it", async () => {
  const { child, launched } = await launch();
  child.isMember = false;
  expect(isOwnPeer(launched, null)).toBe(true);
  const walled: Launched = {
    ...launched,
    enclosure: { ...launched.enclosure, isSocketOpen: false },
  };
  expect(isOwnPeer(walled, { pid: process.pid, user })).toBe(true);
});

test("a socket whose file was replaced since the last check does not count as busy", async () => {
  const world = openWorld({ services: [{ idleTimeoutMs: 0, healthIntervalMs: INTERVAL_MS }] });
  const actor = world.register("alice");
  const served: boolean[] = [];
  world.probes.answer = ({ hasServed }) => {
    const path = actor.launched?.socketPath ?? "";
    served.push(hasServed);
    writeFileSync(path, "", { flag: "a" });
    return { kind: "ready", endpoint: { kind: "unix", path } };
  };
  (await awake(world)).release();
  await world.clock.advance(INTERVAL_MS);
  const path = actor.launched?.socketPath ?? "";
  writeFileSync(`${path}.new`, "");
  renameSync(`${path}.new`, path);
  await world.clock.advance(INTERVAL_MS);
  await world.clock.advance(INTERVAL_MS);
  expect(served).toEqual([false, true, false, true]);
});
