// The effects of a changed service configuration on an instance.
import type { After, Facts, Instance, Step } from "./instance.ts";
import { enqueue, move, stay, withoutCrashes } from "./transitions.ts";

/** Adapts the deadlines to the new durations, and starts an instance that has failed. */
export function onReconfigured(instance: Instance, facts: Facts): Step {
  const { state } = instance;
  const { now, service } = facts;
  switch (state.kind) {
    case "running": {
      // A check that is under way has no deadline.
      const isChecked = state.probeAt === Number.POSITIVE_INFINITY;
      const probeAt = isChecked
        ? state.probeAt
        : Math.min(state.probeAt, now + service.healthIntervalMs);
      return move(instance, { ...state, probeAt });
    }
    case "starting":
      if (state.child === null) return stay(instance);
      return move(instance, { ...state, deadline: state.since + service.startupTimeoutMs });
    case "waiting":
    case "failed":
      return enqueue(withoutCrashes(instance), "reload", facts);
    case "draining":
    case "stopping":
      return move(withoutCrashes(instance), { ...state, after: afterReload(state.after) });
    default:
      return stay(instance);
  }
}

function afterReload(after: After): After {
  const hasFailed = after.kind === "crashed" || after.kind === "failed";
  return hasFailed ? { kind: "start", cause: "reload" } : after;
}
