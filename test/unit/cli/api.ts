// A control API for each test of a file, and the command line that uses it.
import { afterEach, beforeEach } from "bun:test";
import { ControlWorld } from "../control/fakes.ts";
import { FakeShell, type Outcome, runWith } from "./fakes.ts";

interface ShellOptions {
  readonly isTerminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Api {
  /** Of the present test: notes:alice runs, notes:bob is asleep. */
  readonly world: ControlWorld;
  shellOf(options?: ShellOptions): FakeShell;
  /** Runs a command to its end. */
  ten(...argv: readonly string[]): Promise<Outcome>;
}

export function useApi(): Api {
  let world: ControlWorld;
  beforeEach(async () => {
    world = await ControlWorld.open();
    world.administration.addRunning("notes:alice");
    world.administration.add("notes:bob");
  });
  afterEach(() => world[Symbol.asyncDispose]());
  const shellOf = ({ env, ...options }: ShellOptions = {}) =>
    new FakeShell({ ...options, env: { TENEMENT_DATA_DIR: world.dataDir, ...env } });
  return {
    get world() {
      return world;
    },
    shellOf,
    ten: (...argv) => runWith(shellOf(), ...argv),
  };
}
