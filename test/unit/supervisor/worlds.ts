// Worlds of a supervisor for the tests of one file, each disposed of after its test.
import { afterEach } from "bun:test";
import type { Lease } from "../../../src/supervisor/gateway.ts";
import {
  type FakeChild,
  type FakeWorld,
  type FakeWorldOptions,
  openFakeWorld,
} from "../../support/fake-world.ts";

export const ALICE = { service: "notes", id: "alice" };
export const PATIENCE = { signal: new AbortController().signal, by: "a request from 203.0.113.7" };
export const IDLE_MS = 300_000;

export function useWorlds(): (options?: FakeWorldOptions) => FakeWorld {
  const worlds: FakeWorld[] = [];
  afterEach(() => {
    for (const world of worlds.splice(0).reverse()) world.dispose();
  });
  return (options) => {
    const world = openFakeWorld(options);
    worlds.push(world);
    return world;
  };
}

/** Wakes an instance and lets it become ready. */
export async function awake(world: FakeWorld, id = "alice"): Promise<Lease> {
  const lease = world.supervisor.wake({ service: "notes", id }, PATIENCE);
  await world.ready();
  return lease;
}

export function childOf({ spawned }: FakeWorld, index = 0): FakeChild {
  const child = spawned[index];
  if (child === undefined) throw new Error(`Only ${spawned.length} processes were spawned`);
  return child;
}
