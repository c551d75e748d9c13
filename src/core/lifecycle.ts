// The life of an instance: given a state, an event and the facts, the next state and what to do.
// Everything else in the program feeds `step` and obeys its effects.
import { unreachable } from "./assert.ts";
import { onTick } from "./deadlines.ts";
import {
  type After,
  type ChildRef,
  type Event,
  type Exit,
  type Facts,
  type Instance,
  type ProbeAnswer,
  type StateOf,
  type Step,
  MISSED_MAX,
} from "./instance.ts";
import { onRest, onWake } from "./orders.ts";
import { describeExit, restartsAfter } from "./restart-policy.ts";
import {
  afterNeverReady,
  drain,
  move,
  refusal,
  settle,
  stay,
  stopping,
  withEffect,
} from "./transitions.ts";

export { nextDeadline } from "./deadlines.ts";

const PROBE_DELAY_MIN_MS = 1;
const PROBE_DELAY_MAX_MS = 50;

/** Moves one instance one step. Events that no longer matter leave it as it is. */
export function step(instance: Instance, event: Event, facts: Facts): Step {
  if ("launch" in event && event.launch !== instance.launch) return stay(instance);
  switch (event.kind) {
    case "wake":
      return onWake(instance, event.cause, facts);
    case "turn":
      return onTurn(instance, facts);
    case "launched":
      return onLaunched(instance, event.child, facts);
    case "launchFailed":
      return onLaunchFailed(instance, event.reason, facts);
    case "probed":
      return onProbed(instance, event.answer, facts);
    case "exited":
      return onExited(instance, event.exit, facts);
    case "gone":
      return onGone(instance, facts);
    case "rest":
      return onRest(instance, event.to, facts);
    case "tick":
      return onTick(instance, facts);
    default:
      return unreachable(event);
  }
}

function onTurn(instance: Instance, { now }: Facts): Step {
  if (instance.state.kind !== "queued") return stay(instance);
  const launch = instance.launch + 1;
  const never = Number.POSITIVE_INFINITY;
  const state = {
    kind: "starting",
    child: null,
    since: now,
    probeAt: never,
    deadline: never,
    finding: null,
  } as const;
  return move({ ...instance, launch }, state, { kind: "launch", launch });
}

function onLaunched(instance: Instance, child: ChildRef, facts: Facts): Step {
  const { state } = instance;
  const { now, service } = facts;
  if (state.kind === "stopping") return stopping(instance, { child, after: state.after }, facts);
  if (state.kind !== "starting") return stay(instance);
  const probeAt = now + PROBE_DELAY_MIN_MS;
  return move(instance, {
    ...state,
    child,
    since: now,
    probeAt,
    deadline: now + service.startupTimeoutMs,
  });
}

function onLaunchFailed(instance: Instance, reason: string, facts: Facts): Step {
  const { state } = instance;
  if (state.kind === "stopping") return settle(instance, state.after, facts);
  if (state.kind !== "starting") return stay(instance);
  return settle(instance, afterNeverReady(reason, facts), facts);
}

function onProbed(instance: Instance, answer: ProbeAnswer, facts: Facts): Step {
  const { state } = instance;
  if (state.kind === "running") return onChecked(instance, state, answer, facts);
  if (state.kind !== "starting" || state.child === null) return stay(instance);
  const { now, service } = facts;
  if (answer.kind === "unready") {
    const probeAt = now + probeDelay(now - state.since);
    return move(instance, { ...state, probeAt, finding: answer.reason });
  }
  const { endpoint } = answer;
  const probeAt = now + service.healthIntervalMs;
  const ready = { endpoint, since: now, missed: 0, probeAt };
  const running = { kind: "running", child: state.child, ...ready } as const;
  return move(instance, running, { kind: "admit", endpoint });
}

function onChecked(
  instance: Instance,
  state: StateOf<"running">,
  answer: ProbeAnswer,
  facts: Facts,
): Step {
  const missed = answer.kind === "ready" ? 0 : (state.missed ?? 0) + 1;
  if (missed >= MISSED_MAX) {
    return drain(instance, { child: state.child, after: afterUnhealthy(answer, facts) }, facts);
  }
  return move(instance, { ...state, missed, probeAt: facts.now + facts.service.healthIntervalMs });
}

/** Dense at first, then half a percent of the time waited: what probing adds to a start stays small. */
function probeDelay(waitedMs: number): number {
  return Math.min(Math.max(waitedMs / 200, PROBE_DELAY_MIN_MS), PROBE_DELAY_MAX_MS);
}

function onExited(instance: Instance, exit: Exit, facts: Facts): Step {
  const { state } = instance;
  if (state.kind === "draining") return stopping(instance, state, facts);
  if (state.kind !== "starting" && state.kind !== "running") return stay(instance);
  const ready = state.kind === "running";
  const after = afterExit(exit, ready, facts);
  const ended = stopping(instance, { child: state.child, after }, facts);
  return ready ? ended : withEffect(ended, refusal("START_FAILED", describeExit(exit)));
}

function afterExit(exit: Exit, ready: boolean, { service }: Facts): After {
  const reason = describeExit(exit);
  if (restartsAfter(service.restart.policy, exit)) return { kind: "crashed", reason, ready };
  return ready ? { kind: "asleep" } : { kind: "failed", reason: `${reason} before it was ready` };
}

function afterUnhealthy(answer: ProbeAnswer, { service }: Facts): After {
  if (service.restart.policy === "never") return { kind: "asleep" };
  const why = answer.kind === "unready" ? answer.reason : "no answer";
  return { kind: "crashed", reason: `unhealthy: ${why}`, ready: true };
}

function onGone(instance: Instance, facts: Facts): Step {
  const { state } = instance;
  return state.kind === "stopping" ? settle(instance, state.after, facts) : stay(instance);
}
