// What an instance does when its service has another configuration than before.
import type { After, Facts, Instance, Step } from "./instance.ts";
import { enqueue, forgiven, move, stay } from "./transitions.ts";

/** Deadlines follow the new durations; whoever has failed gets another chance. */
export function onReconfigured(instance: Instance, facts: Facts): Step {
  const { state } = instance;
  const { now, service } = facts;
  switch (state.kind) {
    case "running": {
      // While a check is under way it is not due.
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
      return enqueue(forgiven(instance), "reload", facts);
    case "draining":
    case "stopping":
      return move(forgiven(instance), { ...state, after: afterReload(state.after) });
    default:
      return stay(instance);
  }
}

function afterReload(after: After): After {
  const hasFailed = after.kind === "crashed" || after.kind === "failed";
  return hasFailed ? { kind: "start", cause: "reload" } : after;
}
