// The effects of a changed service configuration on an instance.
import { unreachable } from "../assert.ts";
import type { After, Facts, Instance, SecondProcess, StateOf, Step } from "./instance.ts";
import { enqueue, move, stay, withoutCrashes } from "./transitions.ts";

/** Adapts the deadlines to the new durations, and starts an instance that has failed. */
export function onReconfigured({ second, ...rest }: Instance, facts: Facts): Step {
  return reconfigureFirst({ ...rest, second: reconfigureSecond(second, facts) }, facts);
}

function reconfigureFirst(instance: Instance, facts: Facts): Step {
  const { state } = instance;
  switch (state.kind) {
    case "running":
      return move(instance, { ...state, probeAt: nextCheck(state, facts) });
    case "starting":
      return move(instance, { ...state, deadline: readyBy(state, facts) });
    case "waiting":
    case "failed":
      return enqueue(withoutCrashes(instance), "reload", facts);
    case "draining":
    case "stopping":
      return move(withoutCrashes(instance), { ...state, after: afterReload(state.after) });
    case "asleep":
    case "queued":
    case "stopped":
    case "halted":
      return stay(instance);
    default:
      return unreachable(state);
  }
}

function reconfigureSecond(second: SecondProcess | null, facts: Facts): SecondProcess | null {
  if (second?.kind !== "starting") return second;
  return { ...second, deadline: readyBy(second, facts) };
}

/** A check that is under way has no deadline. */
function nextCheck({ probeAt }: StateOf<"running">, { now, service }: Facts): number {
  if (probeAt === Number.POSITIVE_INFINITY) return probeAt;
  return Math.min(probeAt, now + service.healthIntervalMs);
}

/** The start-up time begins when the process is launched. */
function readyBy({ child, deadline, since }: StateOf<"starting">, { service }: Facts): number {
  return child === null ? deadline : since + service.startupTimeoutMs;
}

function afterReload(after: After): After {
  const hasFailed = after.kind === "crashed" || after.kind === "failed";
  return hasFailed ? { kind: "start", cause: "reload" } : after;
}
