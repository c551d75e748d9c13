// The moves that many events share: into the queue, into draining and stopping, and on from there.
import { unreachable } from "./assert.ts";
import type {
  After,
  Cause,
  ChildRef,
  Effect,
  Facts,
  Instance,
  InstanceState,
  Refusal,
  StateOf,
  Step,
} from "./instance.ts";
import { decideRetry } from "./restart-policy.ts";

/** A place among the concurrent starts is waited for this long at most; then the requests are answered. */
export const QUEUE_WAIT_MAX_MS = 60_000;

type Crashed = Extract<After, { kind: "crashed" }>;

/** Nothing of the process is left: the instance goes where it was bound. */
export function settle(instance: Instance, after: After, facts: Facts): Step {
  switch (after.kind) {
    case "asleep":
      return move(instance, { kind: "asleep" });
    case "stopped":
      return move(instance, { kind: "stopped", disabled: after.disabled });
    case "start":
      return enqueue(instance, after.cause, facts);
    case "crashed":
      return backOff(instance, after, facts);
    case "failed":
      return move(instance, after, refusal("START_FAILED", after.reason));
    default:
      return unreachable(after);
  }
}

function backOff(instance: Instance, after: Crashed, facts: Facts): Step {
  const { reason, ready } = after;
  const retry = decideRetry(facts.service.restart, { ...facts, crashes: instance.crashes });
  const crashed = { ...instance, crashes: retry.crashes };
  if (retry.kind === "giveUp") {
    const state = {
      kind: "failed",
      reason: `${reason}; gave up after ${retry.crashes.length - 1} restarts`,
    } as const;
    return move(crashed, state, refusal("START_FAILED", state.reason));
  }
  const state = { kind: "waiting", deadline: retry.at, reason, ready } as const;
  return holdsThrough(state, facts)
    ? move(crashed, state)
    : move(crashed, state, backingOff(state, facts));
}

/** Requests wait for the restart of what had been serving, if that is near; a start that failed answers at once. */
export function holdsThrough(state: StateOf<"waiting">, { now, service }: Facts): boolean {
  return state.ready && state.deadline - now <= service.startupTimeoutMs;
}

export function enqueue(instance: Instance, cause: Cause, { now }: Facts): Step {
  return move(instance, { kind: "queued", cause, deadline: now + QUEUE_WAIT_MAX_MS });
}

export function drain(
  instance: Instance,
  ending: { child: ChildRef; after: After },
  facts: Facts,
): Step {
  const draining = {
    kind: "draining",
    ...ending,
    deadline: facts.now + facts.service.stopTimeoutMs,
  } as const;
  return facts.traffic.busy > 0 ? move(instance, draining) : stopping(instance, draining, facts);
}

export function stopping(
  instance: Instance,
  { child, after }: { child: ChildRef | null; after: After },
  { now, service }: Pick<Facts, "now" | "service">,
): Step {
  if (child === null) {
    return move(instance, {
      kind: "stopping",
      child,
      after,
      kills: 0,
      deadline: Number.POSITIVE_INFINITY,
    });
  }
  const state = {
    kind: "stopping",
    child,
    after,
    kills: 0,
    deadline: now + service.stopTimeoutMs,
  } as const;
  return move(instance, state, { kind: "signal", signal: service.stopSignal });
}

/** An operator's word wipes the slate. */
export function forgiven(instance: Instance): Instance {
  return { ...instance, crashes: [] };
}

export function refusal(
  code: Refusal["code"],
  reason: string,
  retryAfterMs: number | null = null,
): Effect {
  return { kind: "refuse", code, reason, retryAfterMs };
}

export function resting(disabled: boolean): Effect {
  return refusal("INSTANCE_UNAVAILABLE", disabled ? "it is disabled" : "it is stopped");
}

export function backingOff(state: StateOf<"waiting">, { now }: Facts): Effect {
  return refusal(
    state.ready ? "INSTANCE_UNAVAILABLE" : "START_FAILED",
    state.reason,
    state.deadline - now,
  );
}

export function stay(instance: Instance, ...effects: readonly Effect[]): Step {
  return { instance, effects };
}

export function move(
  instance: Instance,
  state: InstanceState,
  ...effects: readonly Effect[]
): Step {
  return { instance: { ...instance, state }, effects };
}

export function withEffect({ instance, effects }: Step, effect: Effect): Step {
  return { instance, effects: [...effects, effect] };
}

export function afterNeverReady(reason: string, { service }: Facts): After {
  if (service.restart.policy === "never") return { kind: "failed", reason };
  return { kind: "crashed", reason, ready: false };
}
