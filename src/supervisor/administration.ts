// What the control API may ask of the supervisor, and what it gets to see.
import type { Endpoint } from "../core/endpoint.ts";
import type { Failure } from "../core/failure.ts";
import type { Health, ReportedState } from "../core/life/report.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { Service } from "../core/service.ts";

/** One instance as operators see it. */
export interface InstanceView {
  readonly ref: InstanceRef;
  readonly state: ReportedState;
  readonly health: Health;
  /** Why it is not running, where that is known. */
  readonly failure: Failure | null;
  /** What is wrong with it although it may run: its storage fills up. */
  readonly warnings: readonly string[];
  readonly weight: number;
  /** Null while nothing listens. */
  readonly endpoint: Endpoint | null;
  readonly pid: number | null;
  readonly port: number | null;
  readonly uptimeMs: number | null;
  /** Since the last request ended; 0 while one is open; null while not running. */
  readonly idleMs: number | null;
  readonly restarts: number;
  readonly storageQuotaBytes: number | null;
  /** What its level of isolation promises and this host can't keep; empty while it has no process. */
  readonly gaps: readonly string[];
}

/** The story behind an instance's present state. Moments are milliseconds since the epoch. */
export interface InstanceStory {
  readonly view: InstanceView;
  readonly openRequests: number;
  readonly openTunnels: number;
  /** When it goes to sleep if nobody calls; null: not while things stay as they are. */
  readonly sleepsAt: number | null;
  /** The next automatic restart. */
  readonly retriesAt: number | null;
  readonly lastWake: WakeRecord | null;
  readonly lastExit: { readonly at: number; readonly reason: string } | null;
}

/** How the latest start went; a phase that has not ended is null. */
export interface WakeRecord {
  readonly at: number;
  /** "request from 203.0.113.7", "operator", "server start", "restart after a crash". */
  readonly by: string;
  readonly queuedMs: number | null;
  readonly launchMs: number | null;
  readonly readyMs: number | null;
}

export interface Registration {
  readonly env?: Readonly<Record<string, string>>;
  readonly weight?: number;
}

/**
 * All operations throw INSTANCE_UNKNOWN or SERVICE_UNKNOWN for what is not there. Those that change state
 * resolve when the change is complete: stopped means that nothing of the process is left.
 */
export interface Administration {
  services(): ReadonlyMap<string, Service>;
  list(): readonly InstanceView[];
  view(ref: InstanceRef): InstanceView;
  story(ref: InstanceRef): InstanceStory;
  /** Resident memory of everything the instance runs, in bytes; null while it has no process. */
  memory(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>>;
  /** How much it stores at this moment, in bytes; what follows from a quota follows. */
  measureStorage(ref: InstanceRef): Promise<number>;
  /** The last known sizes by instance key, without waiting long; those not known yet are left out. */
  storage(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>>;
  /** The instance's own files. */
  dataDirectory(ref: InstanceRef): string;

  /** Adds an instance, asleep; one that exists keeps its data and takes the given weight and environment over. */
  register(ref: InstanceRef, registration: Registration): void;
  /**
   * Starts it unless it runs. Rejects with START_FAILED and the reason when it is not ready in time; CONFLICT when
   * disabled.
   */
  start(ref: InstanceRef): Promise<InstanceView>;
  stop(ref: InstanceRef): Promise<InstanceView>;
  sleep(ref: InstanceRef): Promise<InstanceView>;
  restart(ref: InstanceRef): Promise<InstanceView>;
  disable(ref: InstanceRef): Promise<InstanceView>;
  /** Ends the disabling: asleep, or started if its service never sleeps. */
  enable(ref: InstanceRef): Promise<InstanceView>;
  /** Stops and unregisters it; `purge` also deletes its data directory and logs. */
  remove(ref: InstanceRef, options: { purge: boolean }): Promise<void>;

  setWeight(ref: InstanceRef, weight: number): InstanceView;
  environment(ref: InstanceRef): Readonly<Record<string, string>>;
  /** Applied at the next start; null unsets a name. */
  setEnvironment(ref: InstanceRef, changes: Readonly<Record<string, string | null>>): void;
}
