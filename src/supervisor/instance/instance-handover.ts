// The part of the handover state about one instance.
import type { InstanceMemory } from "../../core/life/adoption.ts";
import type { WakeRecord } from "../administration.ts";

/** Open leases of one instance. */
export interface LeaseCounts {
  readonly requests: number;
  readonly tunnels: number;
}

/** Moments are milliseconds since the epoch. */
export interface InstanceHandover extends InstanceMemory {
  readonly lastWake: WakeRecord | null;
  readonly lastExit: { readonly at: number; readonly reason: string } | null;
  readonly leases: LeaseCounts;
}
