// The step of an instance: from a state, an event and the facts to the next state and the effects to perform.
// Everything else in the program feeds `step` and performs its effects.
import { unreachable } from "../assert.ts";
import { type Failure, startFailure } from "../failure.ts";
import { onTick, stateDeadline } from "./deadlines.ts";
import {
  type After,
  type ChildRef,
  type Event,
  type Exit,
  type Facts,
  type Instance,
  MISSED_MAX,
  type ProbeAnswer,
  type StateOf,
  type Step,
} from "./instance.ts";
import { onHalt, onRest, onWake } from "./orders.ts";
import { onReconfigured } from "./reconfiguration.ts";
import {
  endUnlessRunning,
  onReplace,
  onSecond,
  onSecondTick,
  promoteSecond,
  restoreFormer,
  secondDeadline,
} from "./replacement.ts";
import { describeExit, restartsAfter } from "./restart-policy.ts";
import {
  afterNeverReady,
  drain,
  launched,
  launching,
  move,
  refusal,
  serving,
  settle,
  stay,
  stopping,
  unready,
  withEffect,
} from "./transitions.ts";

type Unready = Extract<ProbeAnswer, { kind: "unready" }>;

/** Moves one instance one step. An event that no longer applies changes nothing. */
export function step(instance: Instance, event: Event, facts: Facts): Step {
  const isOwn = !("launch" in event) || event.launch === instance.launch;
  const next = isOwn ? onEvent(instance, event, facts) : onSecond(instance, event, facts);
  return endUnlessRunning(next, facts);
}

/** The moment at which the instance next needs a `tick`; Infinity while only events can change it. */
export function nextDeadline(instance: Instance, facts: Facts): number {
  return Math.min(stateDeadline(instance, facts), secondDeadline(instance));
}

function onEvent(instance: Instance, event: Event, facts: Facts): Step {
  switch (event.kind) {
    case "wake":
      return onWake(instance, event.cause, facts);
    case "turn":
      return onTurn(instance, facts);
    case "launched":
      return onLaunched(instance, event.child, facts);
    case "launchFailed":
      return onLaunchFailed(instance, event.failure, facts);
    case "probed":
      return onProbed(instance, event.answer, facts);
    case "exited":
      return onExited(instance, event, facts);
    case "gone":
      return onGone(instance, facts);
    case "rest":
      return onRest(instance, event.to, facts);
    case "reconfigured":
      return onReconfigured(instance, facts);
    case "replace":
      return onReplace(instance, facts);
    case "halt":
      return onHalt(instance, event.failure, facts);
    case "tick":
      return onSecondTick(onTick(instance, facts), facts);
    default:
      return unreachable(event);
  }
}

function onTurn(instance: Instance, { now }: Facts): Step {
  if (instance.state.kind !== "queued") return stay(instance);
  const launch = instance.launches + 1;
  return move({ ...instance, launch, launches: launch }, launching(now), {
    kind: "launch",
    launch,
  });
}

function onLaunched(instance: Instance, child: ChildRef, facts: Facts): Step {
  const { state } = instance;
  if (state.kind === "stopping") return stopping(instance, { child, after: state.after }, facts);
  if (state.kind !== "starting") return stay(instance);
  return move(instance, launched(state, child, facts));
}

function onLaunchFailed(instance: Instance, failure: Failure, facts: Facts): Step {
  const { state } = instance;
  if (state.kind === "stopping") return settle(instance, state.after, facts);
  if (state.kind !== "starting") return stay(instance);
  return settle(instance, afterNeverReady(failure, facts), facts);
}

function onProbed(instance: Instance, answer: ProbeAnswer, facts: Facts): Step {
  const { state } = instance;
  if (state.kind === "running") return onChecked(instance, state, answer, facts);
  if (state.kind !== "starting" || state.child === null) return stay(instance);
  if (answer.kind !== "ready") return move(instance, unready(state, answer, facts));
  const { endpoint } = answer;
  return move(instance, serving(state.child, endpoint, facts), { kind: "admit", endpoint });
}

function onChecked(
  instance: Instance,
  state: StateOf<"running">,
  answer: ProbeAnswer,
  facts: Facts,
): Step {
  const missed = missedAfter(state.missed, answer);
  if (answer.kind === "unready" && (missed ?? 0) >= MISSED_MAX) {
    return drain(instance, { child: state.child, after: afterUnhealthy(answer, facts) }, facts);
  }
  return move(instance, { ...state, missed, probeAt: facts.now + facts.service.healthIntervalMs });
}

function missedAfter(missed: number | null, answer: ProbeAnswer): number | null {
  switch (answer.kind) {
    case "ready":
      return 0;
    case "unready":
      return (missed ?? 0) + 1;
    case "unasked":
      return missed;
    default:
      return unreachable(answer);
  }
}

interface Ended {
  readonly exit: Exit;
  readonly hint?: string | null;
}

function onExited(instance: Instance, { exit, hint = null }: Ended, facts: Facts): Step {
  const restored = restoreFormer(instance, { exit, hint }, facts);
  if (restored !== null) return restored;
  const { state } = instance;
  if (state.kind === "draining") return stopping(instance, state, facts);
  if (state.kind !== "starting" && state.kind !== "running") return stay(instance);
  const ready = state.kind === "running";
  const after = afterExit({ exit, hint: ready ? null : hint }, ready, facts);
  const ended = stopping(instance, { child: state.child, after }, facts);
  return ready ? ended : withEffect(ended, refusal(startFailure(describeExit(exit), hint)));
}

function afterExit({ exit, hint }: Ended, ready: boolean, { service }: Facts): After {
  const reason = describeExit(exit);
  if (restartsAfter(service.restart.policy, exit)) {
    return { kind: "crashed", failure: startFailure(reason, hint), ready };
  }
  if (ready) return { kind: "asleep" };
  return { kind: "failed", failure: startFailure(`${reason} before it was ready`, hint) };
}

function afterUnhealthy({ reason }: Unready, { service }: Facts): After {
  if (service.restart.policy === "never") return { kind: "asleep" };
  return { kind: "crashed", failure: startFailure(`unhealthy: ${reason}`), ready: true };
}

function onGone(instance: Instance, facts: Facts): Step {
  const { state, second } = instance;
  if (state.kind !== "stopping") return stay(instance);
  return second === null
    ? settle(instance, state.after, facts)
    : promoteSecond(instance, second, state.after);
}
