// The replacement of a running process without downtime: the second process of an instance, first the replacement while
// it starts, then the former process while it ends.
import { assert, unreachable } from "../assert.ts";
import type { Endpoint } from "../endpoint.ts";
import { type Failure, startFailure } from "../failure.ts";
import { killed } from "./deadlines.ts";
import type {
  After,
  ChildRef,
  Effect,
  Event,
  Exit,
  Facts,
  Instance,
  ProbeAnswer,
  SecondProcess,
  StateOf,
  Step,
} from "./instance.ts";
import { describeExit } from "./restart-policy.ts";
import {
  endProcess,
  launched,
  launching,
  move,
  neverReady,
  serving,
  stay,
  unready,
  withEffect,
} from "./transitions.ts";

/** A program that accepts requests before it has loaded its application ends within that time if it can't load it. */
export const TRIAL_MS = 2000;

type SecondOf<Kind extends SecondProcess["kind"]> = Extract<SecondProcess, { kind: Kind }>;
type LaunchEvent = Extract<Event, { launch: number }>;

/** Starts a replacement beside the running process; an order that comes while one starts shares its outcome. */
export function onReplace(instance: Instance, { now }: Facts): Step {
  const { state, second } = instance;
  if (state.kind !== "running")
    return stay(instance, unreplaced(startFailure("it is not running")));
  if (second?.kind === "starting") return stay(instance);
  if (second !== null) {
    return stay(instance, unreplaced(startFailure("its former process is still ending")));
  }
  const launch = instance.launches + 1;
  const replacement = { launch, ...launching(now) };
  return withSecond({ ...instance, launches: launch }, replacement, { kind: "launch", launch });
}

/** Handles an event about the second process; one about a process that is gone changes nothing. */
export function onSecond(instance: Instance, event: Event, facts: Facts): Step {
  const { second } = instance;
  if (!("launch" in event) || event.launch !== second?.launch) return stay(instance);
  return onSecondEvent(instance, { second, event }, facts);
}

function onSecondEvent(
  instance: Instance,
  { second, event }: { second: SecondProcess; event: LaunchEvent },
  facts: Facts,
): Step {
  switch (event.kind) {
    case "launched":
      return onLaunched(instance, { second, child: event.child }, facts);
    case "launchFailed":
      return second.kind === "starting"
        ? withSecond(instance, null, unreplaced(event.failure))
        : withSecond(instance, null);
    case "probed":
      return onProbed(instance, { second, answer: event.answer }, facts);
    case "exited":
      return onExited(instance, { second, ...event }, facts);
    case "gone":
      return second.kind === "stopping" ? withSecond(instance, null) : stay(instance);
    default:
      return unreachable(event);
  }
}

function onLaunched(
  instance: Instance,
  { second, child }: { second: SecondProcess; child: ChildRef },
  facts: Facts,
): Step {
  if (second.kind === "stopping") return endSecond(instance, { ...second, child }, facts);
  if (second.kind !== "starting") return stay(instance);
  return withSecond(instance, { ...second, ...launched(second, child, facts) });
}

function onProbed(
  instance: Instance,
  { second, answer }: { second: SecondProcess; answer: ProbeAnswer },
  facts: Facts,
): Step {
  if (second.kind === "standby") {
    return withSecond(instance, { ...second, probeAt: facts.now + facts.service.healthIntervalMs });
  }
  if (second.kind !== "starting" || second.child === null) return stay(instance);
  if (answer.kind !== "ready") {
    return withSecond(instance, { ...second, ...unready(second, answer, facts) });
  }
  return takeOver(instance, { ...second, child: second.child, endpoint: answer.endpoint }, facts);
}

/** The replacement serves from now on; without a health check of its own, the former process stands by for a while. */
function takeOver(
  instance: Instance,
  { launch, child, endpoint }: { launch: number; child: ChildRef; endpoint: Endpoint },
  facts: Facts,
): Step {
  const { state } = instance;
  if (state.kind !== "running") return stay(instance);
  const next = { ...instance, launch, state: serving(child, endpoint, facts) };
  const admit = { kind: "admit", endpoint } as const;
  if (facts.service.health === null)
    return withSecond(next, standingBy(instance, state, facts), admit);
  const former = { launch: instance.launch, child: state.child };
  const retired = retire(next, former, { ...facts, isBusy: facts.traffic.busy > 0 });
  // The signal comes last: the database names the replacement before the former process is told to end.
  return { ...retired, effects: [admit, ...retired.effects] };
}

function standingBy(
  { launch }: Instance,
  state: StateOf<"running">,
  { now }: Facts,
): SecondOf<"standby"> {
  return { ...state, kind: "standby", launch, deadline: now + TRIAL_MS };
}

/** The replacement is there to stay. The former process finishes its requests, and then ends. */
function retire(
  instance: Instance,
  { launch, child }: { launch: number; child: ChildRef },
  facts: Facts & { readonly isBusy: boolean },
): Step {
  const replaced = { kind: "replaced" } as const;
  const deadline = facts.now + facts.service.stopTimeoutMs;
  const draining = { kind: "draining", launch, child, deadline } as const;
  if (facts.isBusy) return withSecond(instance, draining, replaced);
  const ended = endSecond(instance, draining, facts);
  return { ...ended, effects: [replaced, ...ended.effects] };
}

/** The replacement has ended while the former process stood by, which takes all requests back. */
export function restoreFormer(
  instance: Instance,
  { exit, hint }: { exit: Exit; hint?: string | null },
  facts: Facts,
): Step | null {
  const { launch, second, state } = instance;
  if (state.kind !== "running" || second?.kind !== "standby") return null;
  const { child, endpoint, missed, probeAt, since } = second;
  const former = { kind: "running", child, endpoint, missed, probeAt, since } as const;
  const { ending, effects } = endProcess({ launch, child: state.child }, facts);
  const failure = startFailure(`${describeExit(exit)} soon after it was ready`, hint);
  const restored = { ...instance, launch: second.launch, state: former };
  const admit = { kind: "admit", endpoint } as const;
  return withSecond(restored, { launch, ...ending }, admit, ...effects, unreplaced(failure));
}

function onExited(
  instance: Instance,
  { exit, hint, second }: { second: SecondProcess; exit: Exit; hint?: string | null },
  facts: Facts,
): Step {
  if (second.kind === "stopping") return stay(instance);
  const ended = endSecond(instance, second, facts);
  if (second.kind === "standby") return withEffect(ended, { kind: "replaced" });
  if (second.kind !== "starting") return ended;
  const failure = startFailure(`${describeExit(exit)} before it was ready`, hint);
  return withEffect(ended, unreplaced(failure));
}

/** The moment at which the second process next needs a `tick`. */
export function secondDeadline({ second }: Instance): number {
  if (second === null) return Number.POSITIVE_INFINITY;
  return second.kind === "starting" ? Math.min(second.probeAt, second.deadline) : second.deadline;
}

/** The step that is due for the second process, after that of the first. */
export function onSecondTick({ instance, effects }: Step, facts: Facts): Step {
  const next = tickSecond(instance, facts);
  return { ...next, effects: [...effects, ...next.effects] };
}

function tickSecond(instance: Instance, facts: Facts): Step {
  const { second } = instance;
  if (second === null) return stay(instance);
  const isDue = facts.now >= second.deadline;
  if (isDue && second.child === null) return cancel(instance, second, facts);
  switch (second.kind) {
    case "starting":
      return isDue
        ? withEffect(endSecond(instance, second, facts), unreplaced(neverReady(second, facts)))
        : probe(instance, second, facts);
    case "standby":
      return isDue
        ? retire(instance, second, { ...facts, isBusy: facts.traffic.secondBusy > 0 })
        : stay(instance);
    case "draining":
      return isDue || facts.traffic.secondBusy === 0
        ? endSecond(instance, second, facts)
        : stay(instance);
    case "stopping":
      return isDue ? kill(instance, second, facts) : stay(instance);
    default:
      return unreachable(second);
  }
}

/** Gives up a launch that has no process. */
function cancel(instance: Instance, second: SecondProcess, facts: Facts): Step {
  const cancelled = withSecond(instance, null, { kind: "cancel", launch: second.launch });
  if (second.kind !== "starting") return cancelled;
  return withEffect(cancelled, unreplaced(neverReady(second, facts)));
}

function probe(instance: Instance, second: SecondOf<"starting">, { now }: Facts): Step {
  if (now < second.probeAt) return stay(instance);
  const asked = { ...second, probeAt: Number.POSITIVE_INFINITY };
  return withSecond(instance, asked, { kind: "probe", launch: second.launch, endpoint: null });
}

function kill(instance: Instance, second: SecondOf<"stopping">, { now }: Facts): Step {
  const signal = { kind: "signal", launch: second.launch, signal: "SIGKILL" } as const;
  return withSecond(instance, killed(second, now), signal);
}

/** Ends the second process of an instance that no longer runs: there is nothing to take over, or to stand by for. */
export function endUnlessRunning(next: Step, facts: Facts): Step {
  const { state, second } = next.instance;
  if (state.kind === "running" || second === null || !isWaiting(second)) return next;
  const ended = endSecond(next.instance, second, facts);
  const effect = unreplaced(startFailure("it stopped running meanwhile"));
  return { ...ended, effects: [...next.effects, ...ended.effects, effect] };
}

/** The first process is gone and the second is not: the state is about the second process from now on. */
export function promoteSecond(
  instance: Instance,
  { launch, ...rest }: SecondProcess,
  after: After,
): Step {
  assert(
    !isWaiting(rest),
    "a replacement starts, or is tried, beside an instance that does not run",
  );
  return move({ ...instance, launch, second: null }, { ...rest, after });
}

function isWaiting<Second extends { kind: SecondProcess["kind"] }>(
  second: Second,
): second is Extract<Second, { kind: "starting" | "standby" }> {
  return second.kind === "starting" || second.kind === "standby";
}

/** Begins to end the second process, with its stop signal at first. */
export function endSecond(
  instance: Instance,
  { launch, child }: Pick<SecondProcess, "launch" | "child">,
  facts: Facts,
): Step {
  const { ending, effects } = endProcess({ launch, child }, facts);
  return withSecond(instance, { launch, ...ending }, ...effects);
}

function withSecond(
  instance: Instance,
  second: SecondProcess | null,
  ...effects: readonly Effect[]
): Step {
  return stay({ ...instance, second }, ...effects);
}

function unreplaced(failure: Failure): Effect {
  return { kind: "unreplaced", failure };
}
