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
  if (second.kind !== "starting" || second.child === null) return stay(instance);
  if (answer.kind !== "ready") {
    return withSecond(instance, { ...second, ...unready(second, answer, facts) });
  }
  return takeOver(instance, { ...second, child: second.child, endpoint: answer.endpoint }, facts);
}

/** The replacement serves from now on. The former process finishes its requests, and then ends. */
function takeOver(
  instance: Instance,
  { launch, child, endpoint }: { launch: number; child: ChildRef; endpoint: Endpoint },
  facts: Facts,
): Step {
  const { state } = instance;
  if (state.kind !== "running") return stay(instance);
  const deadline = facts.now + facts.service.stopTimeoutMs;
  const former = {
    kind: "draining",
    launch: instance.launch,
    child: state.child,
    deadline,
  } as const;
  const next = { ...instance, launch, state: serving(child, endpoint, facts), second: former };
  const effects = [{ kind: "admit", endpoint }, { kind: "replaced" }] as const;
  if (facts.traffic.busy > 0) return stay(next, ...effects);
  const ended = endSecond(next, former, facts);
  // The signal comes last: the database names the replacement before the former process is told to end.
  return { ...ended, effects: [...effects, ...ended.effects] };
}

function onExited(
  instance: Instance,
  { exit, hint, second }: { second: SecondProcess; exit: Exit; hint?: string | null },
  facts: Facts,
): Step {
  if (second.kind === "stopping") return stay(instance);
  const ended = endSecond(instance, second, facts);
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
  switch (second.kind) {
    case "starting":
      return isDue
        ? withEffect(endSecond(instance, second, facts), unreplaced(neverReady(second, facts)))
        : probe(instance, second, facts);
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

function probe(instance: Instance, second: SecondOf<"starting">, { now }: Facts): Step {
  if (now < second.probeAt) return stay(instance);
  const asked = { ...second, probeAt: Number.POSITIVE_INFINITY };
  return withSecond(instance, asked, { kind: "probe", launch: second.launch, endpoint: null });
}

function kill(instance: Instance, second: SecondOf<"stopping">, { now }: Facts): Step {
  const signal = { kind: "signal", launch: second.launch, signal: "SIGKILL" } as const;
  return withSecond(instance, killed(second, now), signal);
}

/** Ends the replacement of a process that no longer runs: it has nothing to take over. */
export function endUnlessRunning(next: Step, facts: Facts): Step {
  const { state, second } = next.instance;
  if (state.kind === "running" || second?.kind !== "starting") return next;
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
  assert(rest.kind !== "starting", "a replacement starts beside an instance that does not run");
  return move({ ...instance, launch, second: null }, { ...rest, after });
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
