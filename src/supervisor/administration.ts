// The interface of the supervisor to the control API: orders about instances, and views of them.

import type { Endpoint } from "../core/endpoint.ts";
import type { ExecSignal } from "../core/exec-signals.ts";
import type { Failure } from "../core/failure.ts";
import type { Health, ReportedState } from "../core/life/report.ts";
import type { InstanceRef, Slot } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import type { TreeSize } from "../platform/process/trees.ts";

/** One instance as operators see it. */
export interface InstanceView {
  readonly ref: InstanceRef;
  readonly state: ReportedState;
  readonly health: Health;
  /** Why it is not running, where that is known. */
  readonly failure: Failure | null;
  /** Problems that do not keep it from running, such as storage that fills up. */
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
  /** The walls of its level of isolation that this host can't build; empty while it has no process. */
  readonly gaps: readonly string[];
}

/** How an instance came to its present state. Moments are milliseconds since the epoch. */
export interface InstanceStory {
  readonly view: InstanceView;
  readonly openRequests: number;
  readonly openTunnels: number;
  /** When it goes to sleep if no request comes; null: it does not sleep, or a lease is open. */
  readonly sleepsAt: number | null;
  /** The next automatic restart. */
  readonly retriesAt: number | null;
  readonly lastWake: WakeRecord | null;
  readonly lastExit: { readonly at: number; readonly reason: string } | null;
  /** By this server; null: it has launched none. */
  readonly lastLaunch: LaunchRecord | null;
}

/** The latest launch, also one of a replacement. */
export interface LaunchRecord {
  /** Milliseconds since the epoch, before its process starts. */
  readonly at: number;
  /** Null: no process came of it. */
  readonly process: { readonly slot: Slot; readonly port: number } | null;
}

/** The phases of the latest start; one that has not ended is null. */
export interface WakeRecord {
  readonly at: number;
  /** "a request from 203.0.113.7", "an operator", "the start of the server", "a restart after a crash". */
  readonly by: string;
  readonly queuedMs: number | null;
  readonly launchMs: number | null;
  readonly readyMs: number | null;
}

export interface Registration {
  readonly env?: Readonly<Record<string, string>>;
  readonly weight?: number;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecRequest {
  /** The program and its arguments; empty: a shell. */
  readonly command: readonly string[];
  /** With the value of TERM; null: the command gets pipes. */
  readonly terminal: { readonly size: TerminalSize; readonly name: string } | null;
}

/** A command inside the walls of an instance. */
export interface Exec {
  readonly stdout: ReadableStream<Uint8Array>;
  /** Without bytes on a terminal. */
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves once the bytes are taken. */
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: TerminalSize): void;
  signal(signal: ExecSignal): void;
  /** Ends it with all that it has started, also when it does not want to. */
  end(): void;
  readonly ended: Promise<ExecEnd>;
}

export interface ExecEnd {
  /** Its own, or 128 and its signal. */
  readonly code: number;
  /** Why it was ended from outside, or could not run; null: it ended by itself, or by its client. */
  readonly reason: string | null;
}

/**
 * All operations throw INSTANCE_UNKNOWN or SERVICE_UNKNOWN for an unknown instance or service. Those that change a
 * state resolve when the change is complete: an instance is stopped when all its processes have ended.
 */
export interface Administration {
  services(): ReadonlyMap<string, Service>;
  list(): readonly InstanceView[];
  view(ref: InstanceRef): InstanceView;
  story(ref: InstanceRef): InstanceStory;
  /** Memory of all processes of each instance in bytes, shared pages once, by instance key; none without a process. */
  memory(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>>;
  /** Measures its storage now; over its quota, it is warned about or halted. */
  measureStorage(ref: InstanceRef): Promise<TreeSize>;
  /** The last known sizes by instance key, without a long wait; unknown sizes are left out. */
  storage(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>>;
  /** The directory of the instance's own files. */
  dataDirectory(ref: InstanceRef): string;

  /** Adds an instance, asleep; a present one keeps its data, and gets the given weight and environment. */
  register(ref: InstanceRef, registration: Registration): void;
  /**
   * Starts it unless it runs. Rejects with START_FAILED and the reason when it is not ready in time, with CONFLICT
   * when it is disabled.
   */
  start(ref: InstanceRef): Promise<InstanceView>;
  stop(ref: InstanceRef): Promise<InstanceView>;
  sleep(ref: InstanceRef): Promise<InstanceView>;
  restart(ref: InstanceRef): Promise<InstanceView>;
  disable(ref: InstanceRef): Promise<InstanceView>;
  /** Makes it asleep again, or starts it if its service never sleeps. */
  enable(ref: InstanceRef): Promise<InstanceView>;
  /**
   * Stops and unregisters it; `purge` first deletes its data directory and logs. Rejects with STORAGE_FAILED while
   * a file is left: then it stays registered, disabled.
   */
  remove(ref: InstanceRef, options: { purge: boolean }): Promise<void>;

  /**
   * Runs a command inside the walls of the instance, beside its application where one runs. Rejects with NOT_FOUND for
   * a missing program, LEVEL_MISSING, RATE_LIMITED for one too many, INSTANCE_UNAVAILABLE while the instance stops.
   */
  exec(ref: InstanceRef, request: ExecRequest): Promise<Exec>;

  setWeight(ref: InstanceRef, weight: number): InstanceView;
  environment(ref: InstanceRef): Readonly<Record<string, string>>;
  /** Applied at the next start; null unsets a name. */
  setEnvironment(ref: InstanceRef, changes: Readonly<Record<string, string | null>>): void;
}
