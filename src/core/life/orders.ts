// Orders to an instance: to run, to rest, to start again, to halt.
import { unreachable } from "../assert.ts";
import { type Failure, startFailure, unavailable } from "../failure.ts";
import {
  type After,
  boundFor,
  type Cause,
  type Facts,
  type Instance,
  type InstanceState,
  type RestGoal,
  type StateOf,
  type Step,
} from "./instance.ts";
import { isDisabled, reportFailure } from "./report.ts";
import {
  backingOff,
  drain,
  enqueue,
  holdsThrough,
  move,
  refusal,
  resting,
  settle,
  stay,
  stopping,
  withEffect,
  withoutCrashes,
} from "./transitions.ts";

const HAS_FAILED = unavailable("it has failed");
const ATTEMPT_FAILED = startFailure("an operator's attempt to start it failed");

/** A request, an operator or the server itself wants the instance to run. */
export function onWake(instance: Instance, cause: Cause, facts: Facts): Step {
  const { state } = instance;
  switch (state.kind) {
    case "asleep":
      return enqueue(instance, cause, facts);
    case "queued":
    case "starting":
      return stay(instance);
    case "running":
      return stay(instance, { kind: "admit", endpoint: state.endpoint });
    case "draining":
    case "stopping":
      return wakeWhileEnding(instance, state, cause);
    case "waiting":
      if (cause === "operator") return enqueue(withoutCrashes(instance), cause, facts);
      return holdsThrough(state, facts) ? stay(instance) : stay(instance, backingOff(state, facts));
    case "stopped":
      if (cause !== "operator" || state.disabled) return stay(instance, resting(state.disabled));
      return enqueue(withoutCrashes(instance), cause, facts);
    case "halted":
      if (cause === "operator") return enqueue(withoutCrashes(instance), cause, facts);
      return stay(instance, refusal(state.failure));
    case "failed":
      if (cause === "operator") return enqueue(withoutCrashes(instance), cause, facts);
      return stay(instance, refusal(HAS_FAILED));
    default:
      return unreachable(state);
  }
}

function wakeWhileEnding(
  instance: Instance,
  state: StateOf<"draining" | "stopping">,
  cause: Cause,
): Step {
  const { after } = state;
  if (cause === "request") {
    if (after.kind === "stopped") return stay(instance, resting(after.disabled));
    if (after.kind === "halted") return stay(instance, refusal(after.failure));
    if (after.kind === "failed") return stay(instance, refusal(HAS_FAILED));
    if (after.kind === "crashed" && !after.ready) return stay(instance, refusal(after.failure));
    if (after.kind !== "asleep") return stay(instance);
  }
  if (after.kind === "stopped" && after.disabled) return stay(instance, resting(true));
  const next = cause === "operator" ? withoutCrashes(instance) : instance;
  return move(next, { ...state, after: { kind: "start", cause } });
}

/** An operator, or the limit of running instances, wants the instance to rest or to start again. */
export function onRest(instance: Instance, to: RestGoal, facts: Facts): Step {
  const { state } = instance;
  const after = afterRest(to, state);
  if (!mayRest(to, state)) return stay(instance);
  switch (state.kind) {
    case "starting":
      return refuseUnlessStarting(stopping(instance, { child: state.child, after }, facts), after);
    case "running":
      return drain(instance, { child: state.child, after }, facts);
    case "draining":
    case "stopping":
      return refuseUnlessStarting(move(instance, { ...state, after }), after);
    case "asleep":
    case "queued":
    case "waiting":
    case "stopped":
    case "halted":
    case "failed":
      return refuseUnlessStarting(settle(withoutCrashes(instance), after, facts), after);
    default:
      return unreachable(state);
  }
}

/** Whether `halt` would change anything: an instance that was stopped or has failed stays as it is. */
export function canHalt(state: InstanceState): boolean {
  const { kind } = boundFor(state);
  return kind !== "stopped" && kind !== "halted" && kind !== "failed";
}

/** Stops the instance; requests don't wake it. */
export function onHalt(instance: Instance, failure: Failure, facts: Facts): Step {
  const { state } = instance;
  if (!canHalt(state)) return stay(instance);
  const after = { kind: "halted", failure } as const;
  const refused = refusal(failure);
  switch (state.kind) {
    case "starting":
      return withEffect(stopping(instance, { child: state.child, after }, facts), refused);
    case "running":
      return drain(instance, { child: state.child, after }, facts);
    case "draining":
    case "stopping":
      return withEffect(move(instance, { ...state, after }), refused);
    case "asleep":
    case "queued":
    case "waiting":
    case "stopped":
    case "halted":
    case "failed":
      return move(instance, after, refused);
    default:
      return unreachable(state);
  }
}

function afterRest(to: RestGoal, state: InstanceState): After {
  switch (to) {
    case "asleep":
    case "enabled":
      return { kind: "asleep" };
    case "stopped":
    case "disabled":
      return { kind: "stopped", disabled: to === "disabled" };
    case "failed":
      return { kind: "failed", failure: reportFailure(state) ?? ATTEMPT_FAILED };
    case "restart":
      return { kind: "start", cause: "operator" };
    default:
      return unreachable(to);
  }
}

/** Only `ten enable` ends the disabling of an instance. */
function mayRest(to: RestGoal, state: InstanceState): boolean {
  if (to === "disabled") return true;
  return isDisabled(state) === (to === "enabled");
}

function refuseUnlessStarting(next: Step, after: After): Step {
  if (after.kind === "start") return next;
  return withEffect(next, resting(after.kind === "stopped" && after.disabled));
}
