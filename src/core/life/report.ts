// An instance's state as the API, the command line and the database report it.
import { unreachable } from "../assert.ts";
import { type Failure, startFailure } from "../failure.ts";
import { boundFor, type InstanceState, MISSED_MAX, type RestState } from "./instance.ts";

export const REPORTED_STATES = [
  "asleep",
  "starting",
  "running",
  "draining",
  "stopping",
  "waiting",
  "stopped",
  "disabled",
  "failed",
] as const;
export type ReportedState = (typeof REPORTED_STATES)[number];

export const HEALTHS = [
  "healthy",
  "degraded",
  "unhealthy",
  "unknown",
  "failed",
  "asleep",
  "stopped",
  "disabled",
] as const;
export type Health = (typeof HEALTHS)[number];

/** The state in which an instance is to be, kept across restarts of the server. */
export type Wanted = "running" | "asleep" | "stopped" | "disabled" | "failed";

export function reportState(state: InstanceState): ReportedState {
  if (state.kind === "queued") return "starting";
  if (state.kind === "halted") return "stopped";
  if (state.kind === "stopped" && state.disabled) return "disabled";
  return state.kind;
}

export function reportHealth(state: InstanceState): Health {
  switch (state.kind) {
    case "running":
      if (state.missed === null) return "unknown";
      if (state.missed >= MISSED_MAX) return "unhealthy";
      return state.missed === 0 ? "healthy" : "degraded";
    case "draining":
    case "stopping":
      return state.after.kind === "crashed" ? "unhealthy" : "unknown";
    case "waiting":
      return "unhealthy";
    case "queued":
    case "starting":
      return "unknown";
    case "asleep":
    case "failed":
      return state.kind;
    case "stopped":
      return state.disabled ? "disabled" : "stopped";
    case "halted":
      return "stopped";
    default:
      return unreachable(state);
  }
}

export function reportWanted(state: InstanceState): Wanted {
  const bound = boundFor(state);
  switch (bound.kind) {
    case "queued":
    case "starting":
    case "running":
    case "waiting":
    case "start":
    case "crashed":
      return "running";
    case "asleep":
    case "failed":
      return bound.kind;
    case "stopped":
      return bound.disabled ? "disabled" : "stopped";
    case "halted":
      return "stopped";
    default:
      return unreachable(bound);
  }
}

/** Whether it is disabled, or will be once its process has ended. */
export function isDisabled(state: InstanceState): boolean {
  return reportWanted(state) === "disabled";
}

/** The state of an instance when the server starts; an instance that is to run is woken afterwards. */
export function restoreState({
  wanted,
  failure,
}: {
  readonly wanted: Wanted;
  readonly failure: Failure | null;
}): RestState {
  switch (wanted) {
    case "running":
    case "asleep":
      return { kind: "asleep" };
    case "stopped":
      return failure === null ? { kind: "stopped", disabled: false } : { kind: "halted", failure };
    case "disabled":
      return { kind: "stopped", disabled: true };
    case "failed":
      return { kind: "failed", failure: failure ?? startFailure("unknown") };
    default:
      return unreachable(wanted);
  }
}

/** Why an instance does not run; null where its state has no failure. */
export function reportFailure(state: InstanceState): Failure | null {
  const bound = boundFor(state);
  return "failure" in bound ? bound.failure : null;
}

/** States that a list leaves out unless all are asked for, in the order in which they are counted. */
export const QUIET_STATES = [
  "asleep",
  "stopped",
  "disabled",
] as const satisfies readonly ReportedState[];

/** At rest, and not for a reason that an operator should know. */
export function isQuiet(view: {
  readonly state: ReportedState;
  readonly reason: string | null;
}): boolean {
  return (QUIET_STATES as readonly ReportedState[]).includes(view.state) && view.reason === null;
}
