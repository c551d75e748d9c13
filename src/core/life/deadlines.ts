// The deadlines of an instance's states, and the steps when one has passed.
import { unreachable } from "../assert.ts";
import { isServersOwn, unavailable } from "../failure.ts";
import type { After, Cause, Facts, Instance, StateOf, Step } from "./instance.ts";
import {
  afterNeverReady,
  drain,
  enqueue,
  move,
  neverReady,
  QUEUE_WAIT_MAX_MS,
  refusal,
  settle,
  stay,
  stopping,
  withEffect,
} from "./transitions.ts";

/** SIGKILL is repeated this often: a process may have been forking while it was sent. */
const KILL_INTERVAL_MS = 1000;
const KILLS_PATIENCE = 3;

const TURN_MISSED = unavailable(
  `its turn to start did not come within ${QUEUE_WAIT_MAX_MS / 1000} s`,
  "Raise max_running, if as many instances run, or max_starting, if as many start",
);

/** The moment at which the state next needs a `tick`; Infinity while only events can change it. */
export function stateDeadline(instance: Instance, facts: Facts): number {
  const { state } = instance;
  switch (state.kind) {
    case "starting":
      return Math.min(state.probeAt, state.deadline);
    case "running":
      return Math.min(state.probeAt, idleAt(instance, facts));
    case "queued":
    case "draining":
    case "stopping":
    case "waiting":
      return state.deadline;
    case "asleep":
    case "stopped":
    case "halted":
    case "failed":
      return Number.POSITIVE_INFINITY;
    default:
      return unreachable(state);
  }
}

/** The steps that are due at `now`. */
export function onTick(instance: Instance, facts: Facts): Step {
  const { state } = instance;
  const { now } = facts;
  switch (state.kind) {
    case "queued":
      return now < state.deadline ? stay(instance) : onQueuedTooLong(instance, state.cause, facts);
    case "starting":
      return onStartingTick(instance, state, facts);
    case "running":
      return onRunningTick(instance, state, facts);
    case "draining":
      if (facts.traffic.busy > 0 && now < state.deadline) return stay(instance);
      return stopping(instance, state, facts);
    case "stopping":
      return now < state.deadline ? stay(instance) : onStoppingTooLong(instance, state, facts);
    case "waiting":
      if (now < state.deadline) return stay(instance);
      return enqueue(restarted(instance, state), "retry", facts);
    case "asleep":
    case "stopped":
    case "halted":
    case "failed":
      return stay(instance);
    default:
      return unreachable(state);
  }
}

/** A start that the server could not make was none to repeat. */
function restarted(instance: Instance, { failure }: StateOf<"waiting">): Instance {
  return isServersOwn(failure) ? instance : { ...instance, restarts: instance.restarts + 1 };
}

function onQueuedTooLong(instance: Instance, cause: Cause, facts: Facts): Step {
  const refused = refusal(TURN_MISSED);
  const next =
    cause === "request" && facts.service.idleTimeoutMs > 0
      ? move(instance, { kind: "asleep" })
      : enqueue(instance, cause, facts);
  return withEffect(next, refused);
}

function onStartingTick(instance: Instance, state: StateOf<"starting">, facts: Facts): Step {
  const { now } = facts;
  if (now >= state.deadline) {
    const failure = neverReady(state, facts);
    const after = afterNeverReady(failure, facts);
    if (state.child === null) return cancel(instance, after, facts);
    const ended = stopping(instance, { child: state.child, after }, facts);
    return withEffect(ended, refusal(failure));
  }
  return now < state.probeAt
    ? stay(instance)
    : probe(instance, { ...state, probeAt: Number.POSITIVE_INFINITY });
}

function onRunningTick(instance: Instance, state: StateOf<"running">, facts: Facts): Step {
  if (facts.now >= idleAt(instance, facts)) {
    return drain(instance, { child: state.child, after: { kind: "asleep" } }, facts);
  }
  return facts.now < state.probeAt
    ? stay(instance)
    : probe(instance, { ...state, probeAt: Number.POSITIVE_INFINITY });
}

/**
 * The moment since which a running instance that may sleep is idle. Null: a lease is open, a replacement is
 * under way, it does not run or never sleeps.
 */
export function idleSince({ state, second }: Instance, { traffic, service }: Facts): number | null {
  const isReplaced = second?.kind === "starting" || second?.kind === "standby";
  const isIdle = state.kind === "running" && !isReplaced && traffic.open === 0;
  if (!isIdle || service.idleTimeoutMs === 0) return null;
  return Math.max(state.since, traffic.lastActiveAt);
}

/** The moment at which an idle instance goes to sleep; Infinity while it is not idle. */
export function idleAt(instance: Instance, facts: Facts): number {
  const since = idleSince(instance, facts);
  return since === null ? Number.POSITIVE_INFINITY : since + facts.service.idleTimeoutMs;
}

/** One probe at a time: the next one is scheduled when this one has answered. */
function probe(instance: Instance, state: StateOf<"starting" | "running">): Step {
  const endpoint = state.kind === "running" ? state.endpoint : null;
  return move(instance, state, { kind: "probe", launch: instance.launch, endpoint });
}

function onStoppingTooLong(instance: Instance, state: StateOf<"stopping">, facts: Facts): Step {
  return state.child === null ? cancel(instance, state.after, facts) : kill(instance, state, facts);
}

/** Gives up a launch that has no process. */
function cancel(instance: Instance, after: After, facts: Facts): Step {
  return withEffect(settle(instance, after, facts), { kind: "cancel", launch: instance.launch });
}

function kill(instance: Instance, state: StateOf<"stopping">, { now }: Facts): Step {
  const signal = { kind: "signal", launch: instance.launch, signal: "SIGKILL" } as const;
  const next = move(instance, killed(state, now), signal);
  // A process stuck in the kernel may never end, so waiting requests are answered.
  if (state.kills + 1 < KILLS_PATIENCE) return next;
  return withEffect(next, refusal(unavailable("its former process does not end")));
}

/** The state of a process after another SIGKILL; the next one follows until the process is gone. */
export function killed<Stopping extends { readonly kills: number; readonly deadline: number }>(
  dying: Stopping,
  now: number,
): Stopping {
  return { ...dying, kills: dying.kills + 1, deadline: now + KILL_INTERVAL_MS };
}
