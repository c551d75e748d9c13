// The states of an instance, the events that change them, and the effects that they ask for.
import type { Endpoint } from "../endpoint.ts";
import type { Failure } from "../failure.ts";
import type { InstanceRef } from "../ref.ts";
import type { Service, StopSignal } from "../service.ts";

/** An operating-system process; its start time tells it from a later process with the same pid. */
export interface ChildRef {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * How a process ended. "outOfMemory": it reached its memory limit, or the host's where `limitBytes` is null.
 * "unstarted": its walls could not be built, so the application never ran. "unknown": an earlier server was its parent,
 * and the kernel reports an exit to the parent alone.
 */
export type Exit =
  | { readonly kind: "code"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "outOfMemory"; readonly limitBytes: number | null }
  | { readonly kind: "unstarted"; readonly reason: string }
  | { readonly kind: "unknown" };

/** Why an instance is to start. Requests and operators take precedence over starts by the server itself. */
export type Cause = "request" | "operator" | "boot" | "retry" | "reload";

export type InstanceState =
  /** No process; a request wakes it. */
  | { readonly kind: "asleep" }
  /** Waits for its turn: only so many instances start at the same time. */
  | { readonly kind: "queued"; readonly cause: Cause; readonly deadline: number }
  /** `child` is null until the launch has succeeded, and has to within the deadline. */
  | {
      readonly kind: "starting";
      readonly child: ChildRef | null;
      readonly since: number;
      readonly probeAt: number;
      readonly deadline: number;
      /** Why the latest probe failed; null before the first. */
      readonly finding: string | null;
    }
  /** `missed` counts health checks failed in a row; null before the first check. */
  | {
      readonly kind: "running";
      readonly child: ChildRef;
      readonly endpoint: Endpoint;
      readonly since: number;
      readonly missed: number | null;
      readonly probeAt: number;
    }
  /** Open requests may finish; new ones wait or are refused, depending on `after`. */
  | {
      readonly kind: "draining";
      readonly child: ChildRef;
      readonly deadline: number;
      readonly after: After;
    }
  /** The process was told to end and has not gone yet. `child` is null while its launch is still under way. */
  | {
      readonly kind: "stopping";
      readonly child: ChildRef | null;
      readonly deadline: number;
      /** SIGKILLs sent so far. */
      readonly kills: number;
      readonly after: After;
    }
  /** Backs off after a crash. `ready`: the process had been serving. */
  | {
      readonly kind: "waiting";
      readonly deadline: number;
      readonly failure: Failure;
      readonly ready: boolean;
    }
  /** Stopped by an operator; only an operator starts it again. */
  | { readonly kind: "stopped"; readonly disabled: boolean }
  /** Stopped by the server itself, over a quota for example; an operator starts it again. */
  | { readonly kind: "halted"; readonly failure: Failure }
  /** Given up after too many crashes, or because its service is never restarted. */
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * The second process of an instance: the replacement of the running process while it starts, or the former process
 * while it stands by, drains and stops. The other states mean the same as those of the first process.
 */
export type SecondProcess = { readonly launch: number } & (
  | StateOf<"starting">
  | Standby
  | Omit<StateOf<"draining">, "after">
  | Omit<StateOf<"stopping">, "after">
);

/** The former process, until its replacement has proved to live: new requests come back to it if that ends. */
export type Standby = Omit<StateOf<"running">, "kind"> & {
  readonly kind: "standby";
  readonly deadline: number;
};

export type StateOf<Kind extends InstanceState["kind"]> = Extract<InstanceState, { kind: Kind }>;

/** The state that an instance enters when its process is gone; "start" and "crashed" lead to another start. */
export type After =
  | { readonly kind: "asleep" }
  | { readonly kind: "stopped"; readonly disabled: boolean }
  | { readonly kind: "halted"; readonly failure: Failure }
  | { readonly kind: "start"; readonly cause: Cause }
  | { readonly kind: "crashed"; readonly failure: Failure; readonly ready: boolean }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Failed health checks in a row that make an instance unhealthy. */
export const MISSED_MAX = 3;

export interface Instance {
  readonly ref: InstanceRef;
  readonly state: InstanceState;
  /** The number of the launch that the state is about, or of the latest; events about other launches are ignored. */
  readonly launch: number;
  /** The number of launches so far. */
  readonly launches: number;
  readonly second: SecondProcess | null;
  /** Moments of the crashes that still count, oldest first. */
  readonly crashes: readonly number[];
  /** Restarts after crashes since the server started. */
  readonly restarts: number;
}

export type Event =
  | { readonly kind: "wake"; readonly cause: Cause }
  /** The start queue lets the instance start. */
  | { readonly kind: "turn" }
  | { readonly kind: "launched"; readonly launch: number; readonly child: ChildRef }
  | { readonly kind: "launchFailed"; readonly launch: number; readonly failure: Failure }
  | { readonly kind: "probed"; readonly launch: number; readonly answer: ProbeAnswer }
  /** The main process ended; its descendants may still live. `hint`: the remedy, should this be a failed start. */
  | {
      readonly kind: "exited";
      readonly launch: number;
      readonly exit: Exit;
      readonly hint?: string | null;
    }
  /** No process of the launch is left. */
  | { readonly kind: "gone"; readonly launch: number }
  | { readonly kind: "rest"; readonly to: RestGoal }
  /** The service has another configuration. */
  | { readonly kind: "reconfigured" }
  /** An operator wants a new process in place of the running one, without downtime. */
  | { readonly kind: "replace" }
  /** The server stops the instance. */
  | { readonly kind: "halt"; readonly failure: Failure }
  /** A deadline has come, or the traffic has changed. */
  | { readonly kind: "tick" };

/** "enabled": asleep, where the instance is disabled. */
export type RestGoal = "asleep" | "stopped" | "disabled" | "enabled" | "failed" | "restart";

export type ProbeAnswer =
  | { readonly kind: "ready"; readonly endpoint: Endpoint }
  | { readonly kind: "unready"; readonly reason: string }
  /** The server could not ask, for lack of descriptors or ports of its own. */
  | { readonly kind: "unasked" };

export type Effect =
  | { readonly kind: "launch"; readonly launch: number }
  /** The launch is given up before it has a process: none may start for it. */
  | { readonly kind: "cancel"; readonly launch: number }
  /** Null: wherever the process listens, on its port or on its socket. */
  | { readonly kind: "probe"; readonly launch: number; readonly endpoint: Endpoint | null }
  | {
      readonly kind: "signal";
      readonly launch: number;
      readonly signal: StopSignal | "SIGKILL";
    }
  /** Lets the waiting requests through. */
  | { readonly kind: "admit"; readonly endpoint: Endpoint }
  /** The replacement serves, and the former process is ending. */
  | { readonly kind: "replaced" }
  /** The replacement has failed; the running process goes on, if there is one. */
  | { readonly kind: "unreplaced"; readonly failure: Failure }
  /** Answers the waiting requests. */
  | ({ readonly kind: "refuse" } & Refusal);

export interface Refusal {
  readonly failure: Failure;
  readonly retryAfterMs: number | null;
}

export interface Facts {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** At least 0, below 1. */
  readonly random: number;
  readonly service: Service;
  readonly traffic: Traffic;
}

export interface Traffic {
  /** Open leases of every kind; an instance with an open lease is not idle. */
  readonly open: number;
  /** Open requests of the launch that the state is about, without tunnels: draining waits for them. */
  readonly busy: number;
  /** Open requests of the second process. */
  readonly secondBusy: number;
  readonly lastActiveAt: number;
}

export interface Step {
  readonly instance: Instance;
  readonly effects: readonly Effect[];
}

/** An instance without a process. */
export function newInstance(ref: InstanceRef, state: InstanceState = { kind: "asleep" }): Instance {
  return { ref, state, launch: 0, launches: 0, second: null, crashes: [], restarts: 0 };
}

/** The state that an instance is in, or enters once its process has ended. */
export function boundFor(state: InstanceState): Exclude<InstanceState, { after: After }> | After {
  return "after" in state ? state.after : state;
}

/** A state without a process, in which none will start by itself. */
export type RestState = StateOf<"asleep" | "stopped" | "halted" | "failed">;

export const isAtRest = among("asleep", "stopped", "halted", "failed");

/** Has a process, or is about to have one. */
export const hasProcess = among("starting", "running", "draining", "stopping");

/** Its process is on its way out. */
export const isEnding = among("draining", "stopping");

/** Runs, or will without any further order. */
export const isUp = among("queued", "starting", "running", "waiting");

/** Starts on an operator's order alone. */
export const needsOperator = among("stopped", "halted", "failed");

function among<Kind extends InstanceState["kind"]>(...kinds: readonly Kind[]) {
  const set: ReadonlySet<string> = new Set(kinds);
  return (state: InstanceState): state is StateOf<Kind> => set.has(state.kind);
}
