// Transitions that many events share: into the queue, into draining and stopping, and on from there.
import { unreachable } from "../assert.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Failure, isServersOwn, startFailure, unavailable } from "../failure.ts";
import type {
  After,
  Cause,
  ChildRef,
  Effect,
  Facts,
  Instance,
  InstanceState,
  ProbeAnswer,
  StateOf,
  Step,
} from "./instance.ts";
import { decideRetry, retryUnmade } from "./restart-policy.ts";

/** The longest wait for a turn to start; then the waiting requests are answered. */
export const QUEUE_WAIT_MAX_MS = 60_000;

/**
 * The longest time for a launch to get its process. It is for a disk that hangs: to move an instance's files into a
 * volume takes minutes, and goes on in the background if it takes longer.
 */
export const LAUNCH_MS_MAX = 600_000;

/** The start-up time does not end while the server can't ask, nor right after that. */
const UNASKED_GRACE_MS = 1000;

const PROBE_DELAY_MIN_MS = 1;
const PROBE_DELAY_MAX_MS = 50;

const NEVER_LAUNCHED = startFailure(
  `its files were not ready within ${LAUNCH_MS_MAX / 1000} s`,
  "Check whether the disk of the data directory answers",
);

type Crashed = Extract<After, { kind: "crashed" }>;

/** The process is gone: the instance enters the state that was to follow. */
export function settle(instance: Instance, after: After, facts: Facts): Step {
  switch (after.kind) {
    case "asleep":
      return move(instance, { kind: "asleep" });
    case "stopped":
      return move(instance, { kind: "stopped", disabled: after.disabled });
    case "halted":
      return move(instance, after);
    case "start":
      return enqueue(instance, after.cause, facts);
    case "crashed":
      return backOff(instance, after, facts);
    case "failed":
      return move(instance, after, refusal(after.failure));
    default:
      return unreachable(after);
  }
}

function backOff(instance: Instance, after: Crashed, facts: Facts): Step {
  const { failure, ready } = after;
  const decide = isServersOwn(failure) ? retryUnmade : decideRetry;
  const retry = decide(facts.service.restart, { ...facts, crashes: instance.crashes });
  const crashed = { ...instance, crashes: retry.crashes };
  if (retry.kind === "giveUp") {
    const reason = `${failure.reason}; gave up after ${retry.crashes.length - 1} restarts`;
    const final = { ...failure, reason };
    return move(crashed, { kind: "failed", failure: final }, refusal(final));
  }
  const state = { kind: "waiting", deadline: retry.at, failure, ready } as const;
  return holdsThrough(state, facts)
    ? move(crashed, state)
    : move(crashed, state, backingOff(state, facts));
}

/** Whether requests wait for the restart: the process had been serving, and the restart is near. */
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
  const { ending, effects } = endProcess({ launch: instance.launch, child }, { now, service });
  return move(instance, { ...ending, after }, ...effects);
}

/**
 * Begins to end a process with its stop signal. A process whose launch is under way gets the signal afterwards; the
 * launch is cancelled at the deadline.
 */
export function endProcess(
  { launch, child }: { launch: number; child: ChildRef | null },
  { now, service }: Pick<Facts, "now" | "service">,
): { ending: Omit<StateOf<"stopping">, "after">; effects: readonly Effect[] } {
  const deadline = now + service.stopTimeoutMs;
  const ending = { kind: "stopping", child, kills: 0, deadline } as const;
  const signal = { kind: "signal", launch, signal: service.stopSignal } as const;
  return { ending, effects: child === null ? [] : [signal] };
}

/** The state of a process that is about to be launched. */
export function launching(now: number): StateOf<"starting"> {
  return {
    kind: "starting",
    child: null,
    since: now,
    probeAt: Number.POSITIVE_INFINITY,
    deadline: now + LAUNCH_MS_MAX,
    finding: null,
  };
}

/** The state once the process is launched; its start-up time begins now. */
export function launched(
  state: StateOf<"starting">,
  child: ChildRef,
  { now, service }: Facts,
): StateOf<"starting"> {
  const probeAt = now + PROBE_DELAY_MIN_MS;
  return { ...state, child, since: now, probeAt, deadline: now + service.startupTimeoutMs };
}

/** The state after a failed probe; another one follows. */
export function unready(
  state: StateOf<"starting">,
  answer: Exclude<ProbeAnswer, { kind: "ready" }>,
  { now }: Facts,
): StateOf<"starting"> {
  const probeAt = now + probeDelay(now - state.since);
  return answer.kind === "unready"
    ? { ...state, finding: answer.reason, probeAt }
    : { ...state, probeAt, deadline: Math.max(state.deadline, now + UNASKED_GRACE_MS) };
}

/** The delay to the next probe grows to half a percent of the time waited, so probing adds little to a start. */
function probeDelay(waitedMs: number): number {
  return Math.min(Math.max(waitedMs / 200, PROBE_DELAY_MIN_MS), PROBE_DELAY_MAX_MS);
}

/** The failure of a process that has used up its start-up time, or of a launch without a process. */
export function neverReady({ child, finding }: StateOf<"starting">, { service }: Facts): Failure {
  if (child === null) return NEVER_LAUNCHED;
  const found = finding === null ? "" : `: ${finding}`;
  return startFailure(`not ready within ${service.startupTimeoutMs / 1000} s${found}`);
}

/** The state of a process that is ready. */
export function serving(
  child: ChildRef,
  endpoint: Endpoint,
  { now, service }: Facts,
): StateOf<"running"> {
  const probeAt = now + service.healthIntervalMs;
  return { kind: "running", child, endpoint, since: now, missed: 0, probeAt };
}

/** The instance without its crashes: an order or a changed configuration starts the count again. */
export function withoutCrashes(instance: Instance): Instance {
  return { ...instance, crashes: [] };
}

export function refusal(failure: Failure, retryAfterMs: number | null = null): Effect {
  return { kind: "refuse", failure, retryAfterMs };
}

export function resting(disabled: boolean): Effect {
  return refusal(unavailable(disabled ? "it is disabled" : "it is stopped"));
}

export function backingOff(
  { deadline, failure, ready }: StateOf<"waiting">,
  { now }: Facts,
): Effect {
  const { reason, hint } = failure;
  return refusal(ready ? unavailable(reason, hint) : failure, deadline - now);
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

export function afterNeverReady(failure: Failure, { service }: Facts): After {
  const isFinal = service.restart.policy === "never" && !isServersOwn(failure);
  return isFinal ? { kind: "failed", failure } : { kind: "crashed", failure, ready: false };
}
