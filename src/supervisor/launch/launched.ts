// A running launch: its process, its slot, where the server reaches it, and its enclosure.
import type { Slot } from "../../core/ref.ts";
import type { Enclosure } from "../../isolation/level.ts";
import type { Child } from "../../platform/process/spawner.ts";

export interface Launched {
  readonly child: Child;
  readonly slot: Slot;
  /** In the environment of every process that the launch has started. */
  readonly mark: string;
  readonly port: number;
  readonly extraPorts: readonly number[];
  /** Where the server reaches its socket. */
  readonly socketPath: string;
  readonly enclosure: Enclosure;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}
