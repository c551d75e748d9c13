// The vocabulary of an instance's life: its states, what can happen to it, and what it asks of the world.
import type { Endpoint } from "../endpoint.ts";
import type { Failure } from "../failure.ts";
import type { InstanceRef } from "../ref.ts";
import type { Service, StopSignal } from "../service.ts";

/** An operating-system process; the start time tells it from a later one with the same number. */
export interface ChildRef {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * How a process ended. "outOfMemory": it reached its limit, or where that is null, the host's. "unstarted": its walls
 * could not be built, so the application never ran. "unknown": it was taken over, and only its parent is told.
 */
export type Exit =
  | { readonly kind: "code"; readonly code: number }
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "outOfMemory"; readonly limitBytes: number | null }
  | { readonly kind: "unstarted"; readonly reason: string }
  | { readonly kind: "unknown" };

/** Why an instance is to start. Requests and operators go before the server's own starts. */
export type Cause = "request" | "operator" | "boot" | "retry" | "reload";

export type InstanceState =
  /** No process; a request wakes it. */
  | { readonly kind: "asleep" }
  /** Waits for its turn among the concurrent starts. */
  | { readonly kind: "queued"; readonly cause: Cause; readonly deadline: number }
  /** `child` is null until the launch has succeeded. */
  | {
      readonly kind: "starting";
      readonly child: ChildRef | null;
      readonly since: number;
      readonly probeAt: number;
      readonly deadline: number;
      /** What the latest probe found; null before the first. */
      readonly finding: string | null;
    }
  /** `missed` counts health checks failed in a row; null before the first. */
  | {
      readonly kind: "running";
      readonly child: ChildRef;
      readonly endpoint: Endpoint;
      readonly since: number;
      readonly missed: number | null;
      readonly probeAt: number;
    }
  /** Open requests may finish; new ones wait or are refused, as `after` says. */
  | {
      readonly kind: "draining";
      readonly child: ChildRef;
      readonly deadline: number;
      readonly after: After;
    }
  /** Signalled, until nothing of it is left. `child` is null while its launch is still under way. */
  | {
      readonly kind: "stopping";
      readonly child: ChildRef | null;
      readonly deadline: number;
      /** SIGKILLs sent so far. */
      readonly kills: number;
      readonly after: After;
    }
  /** Backing off after a crash. `ready`: it had been serving. */
  | {
      readonly kind: "waiting";
      readonly deadline: number;
      readonly failure: Failure;
      readonly ready: boolean;
    }
  /** By an operator, whom alone it obeys. */
  | { readonly kind: "stopped"; readonly disabled: boolean }
  /** By the server itself, over a quota say; an operator starts it again. */
  | { readonly kind: "halted"; readonly failure: Failure }
  /** Gave up. */
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * A second process of a running instance: its successor, still starting, or its predecessor, draining and stopping.
 * What the names of the states say of the first process they say of this one.
 */
export type Other = { readonly launch: number } & (
  StateOf<"starting"> | Omit<StateOf<"draining">, "after"> | Omit<StateOf<"stopping">, "after">
);

export type StateOf<Kind extends InstanceState["kind"]> = Extract<InstanceState, { kind: Kind }>;

/** Where an instance goes when its process is gone. */
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
  /** Numbers the launch that the state is about, or the latest; answers about any other are ignored. */
  readonly launch: number;
  /** Launches so far. */
  readonly launches: number;
  readonly other: Other | null;
  /** Moments of the crashes that still count, oldest first. */
  readonly crashes: readonly number[];
  /** Restarts after crashes since the server started. */
  readonly restarts: number;
}

export type Event =
  | { readonly kind: "wake"; readonly cause: Cause }
  /** The start queue lets it go ahead. */
  | { readonly kind: "turn" }
  | { readonly kind: "launched"; readonly launch: number; readonly child: ChildRef }
  | { readonly kind: "launchFailed"; readonly launch: number; readonly failure: Failure }
  | { readonly kind: "probed"; readonly launch: number; readonly answer: ProbeAnswer }
  /** The main process ended; others it started may still live. */
  | { readonly kind: "exited"; readonly launch: number; readonly exit: Exit }
  /** Nothing that the launch started is left. */
  | { readonly kind: "gone"; readonly launch: number }
  | { readonly kind: "rest"; readonly to: RestGoal }
  /** The service is configured otherwise from now on. */
  | { readonly kind: "reconfigured" }
  /** An operator wants a new process in the place of the running one, without a gap. */
  | { readonly kind: "replace" }
  /** The server can't let it go on. */
  | { readonly kind: "halt"; readonly failure: Failure }
  /** A deadline has come, or the traffic has changed. */
  | { readonly kind: "tick" };

export type RestGoal = "asleep" | "stopped" | "disabled" | "failed" | "restart";

export type ProbeAnswer =
  | { readonly kind: "ready"; readonly endpoint: Endpoint }
  | { readonly kind: "unready"; readonly reason: string };

export type Effect =
  | { readonly kind: "launch"; readonly launch: number }
  /** Null: whichever of the port and the socket it listens on. */
  | { readonly kind: "probe"; readonly launch: number; readonly endpoint: Endpoint | null }
  | {
      readonly kind: "signal";
      readonly launch: number;
      readonly signal: StopSignal | "SIGKILL";
    }
  /** Lets the waiting requests through. */
  | { readonly kind: "admit"; readonly endpoint: Endpoint }
  /** A successor serves, and its predecessor is leaving. */
  | { readonly kind: "replaced" }
  /** No successor serves; what ran before still does, if anything. */
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
  /** Open leases of every kind: while there is one, the idle clock stands still. */
  readonly open: number;
  /** Open leases that draining waits for, of the launch that the state is about: requests, not tunnels. */
  readonly busy: number;
  /** The same of the other process. */
  readonly otherBusy: number;
  readonly lastActiveAt: number;
}

export interface Step {
  readonly instance: Instance;
  readonly effects: readonly Effect[];
}

/** An instance without a process. */
export function newInstance(ref: InstanceRef, state: InstanceState = { kind: "asleep" }): Instance {
  return { ref, state, launch: 0, launches: 0, other: null, crashes: [], restarts: 0 };
}

/** A state without a process, and without one to come by itself. */
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
