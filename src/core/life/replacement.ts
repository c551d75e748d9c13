// The second process of an instance, beside the one that its state is about: a successor that is to take
// over without a gap, and then the predecessor on its way out.
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
  Other,
  ProbeAnswer,
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

type OtherOf<Kind extends Other["kind"]> = Extract<Other, { kind: Kind }>;
type LaunchEvent = Extract<Event, { launch: number }>;

/** The successor of a running process starts beside it. Who asks while one starts shares its fate. */
export function onReplace(instance: Instance, { now }: Facts): Step {
  const { state, other } = instance;
  if (state.kind !== "running")
    return stay(instance, unreplaced(startFailure("it is not running")));
  if (other?.kind === "starting") return stay(instance);
  if (other !== null) {
    return stay(instance, unreplaced(startFailure("its former process is still ending")));
  }
  const launch = instance.launches + 1;
  const successor = { launch, ...launching(now) };
  return accompany({ ...instance, launches: launch }, successor, { kind: "launch", launch });
}

/** An event about the second process, or about one that is long gone. */
export function onOther(instance: Instance, event: Event, facts: Facts): Step {
  const { other } = instance;
  if (!("launch" in event) || event.launch !== other?.launch) return stay(instance);
  return onOtherEvent(instance, { other, event }, facts);
}

function onOtherEvent(
  instance: Instance,
  { other, event }: { other: Other; event: LaunchEvent },
  facts: Facts,
): Step {
  switch (event.kind) {
    case "launched":
      return onLaunched(instance, { other, child: event.child }, facts);
    case "launchFailed":
      return other.kind === "starting"
        ? accompany(instance, null, unreplaced(event.failure))
        : accompany(instance, null);
    case "probed":
      return onProbed(instance, { other, answer: event.answer }, facts);
    case "exited":
      return onExited(instance, { other, exit: event.exit }, facts);
    case "gone":
      return other.kind === "stopping" ? accompany(instance, null) : stay(instance);
    default:
      return unreachable(event);
  }
}

function onLaunched(
  instance: Instance,
  { other, child }: { other: Other; child: ChildRef },
  facts: Facts,
): Step {
  if (other.kind === "stopping") return endOther(instance, { ...other, child }, facts);
  if (other.kind !== "starting") return stay(instance);
  return accompany(instance, { ...other, ...launched(other, child, facts) });
}

function onProbed(
  instance: Instance,
  { other, answer }: { other: Other; answer: ProbeAnswer },
  facts: Facts,
): Step {
  if (other.kind !== "starting" || other.child === null) return stay(instance);
  if (answer.kind === "unready") {
    return accompany(instance, { ...other, ...unready(other, answer.reason, facts) });
  }
  return succeed(instance, { ...other, child: other.child, endpoint: answer.endpoint }, facts);
}

/** The successor serves from now on. Its predecessor finishes the requests it has, and then ends. */
function succeed(
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
  const next = { ...instance, launch, state: serving(child, endpoint, facts), other: former };
  const effects = [{ kind: "admit", endpoint }, { kind: "replaced" }] as const;
  if (facts.traffic.busy > 0) return stay(next, ...effects);
  const ended = endOther(next, former, facts);
  // The signal comes last: the successor is on record before anything happens to its predecessor.
  return { ...ended, effects: [...effects, ...ended.effects] };
}

function onExited(
  instance: Instance,
  { other, exit }: { other: Other; exit: Exit },
  facts: Facts,
): Step {
  if (other.kind === "stopping") return stay(instance);
  const ended = endOther(instance, other, facts);
  if (other.kind !== "starting") return ended;
  const failure = startFailure(`${describeExit(exit)} before it was ready`);
  return withEffect(ended, unreplaced(failure));
}

/** When the second process next needs a `tick`. */
export function otherDeadline({ other }: Instance): number {
  if (other === null) return Number.POSITIVE_INFINITY;
  return other.kind === "starting" ? Math.min(other.probeAt, other.deadline) : other.deadline;
}

/** Does what is due for the second process, after what was for the first. */
export function onOtherTick({ instance, effects }: Step, facts: Facts): Step {
  const next = whatIsDue(instance, facts);
  return { ...next, effects: [...effects, ...next.effects] };
}

function whatIsDue(instance: Instance, facts: Facts): Step {
  const { other } = instance;
  if (other === null) return stay(instance);
  const isDue = facts.now >= other.deadline;
  switch (other.kind) {
    case "starting":
      return isDue
        ? withEffect(endOther(instance, other, facts), unreplaced(neverReady(other, facts)))
        : probe(instance, other, facts);
    case "draining":
      return isDue || facts.traffic.otherBusy === 0
        ? endOther(instance, other, facts)
        : stay(instance);
    case "stopping":
      return isDue ? kill(instance, other, facts) : stay(instance);
    default:
      return unreachable(other);
  }
}

function probe(instance: Instance, other: OtherOf<"starting">, { now }: Facts): Step {
  if (now < other.probeAt) return stay(instance);
  const asked = { ...other, probeAt: Number.POSITIVE_INFINITY };
  return accompany(instance, asked, { kind: "probe", launch: other.launch, endpoint: null });
}

function kill(instance: Instance, other: OtherOf<"stopping">, { now }: Facts): Step {
  const signal = { kind: "signal", launch: other.launch, signal: "SIGKILL" } as const;
  return accompany(instance, killed(other, now), signal);
}

/** Beside an instance that no longer runs, a successor has nothing to take over. */
export function endUnlessRunning(next: Step, facts: Facts): Step {
  const { state, other } = next.instance;
  if (state.kind === "running" || other?.kind !== "starting") return next;
  const ended = endOther(next.instance, other, facts);
  const why = unreplaced(startFailure("it stopped running meanwhile"));
  return { ...ended, effects: [...next.effects, ...ended.effects, why] };
}

/** The first process is gone and the second is not: the state goes on about that one, bound for the same end. */
export function takePlace(instance: Instance, { launch, ...left }: Other, after: After): Step {
  assert(left.kind !== "starting", "a successor starts beside an instance that does not run");
  return move({ ...instance, launch, other: null }, { ...left, after });
}

/** It ends, gently at first. */
export function endOther(
  instance: Instance,
  { launch, child }: Pick<Other, "launch" | "child">,
  facts: Facts,
): Step {
  const { ending, effects } = endProcess({ launch, child }, facts);
  return accompany(instance, { launch, ...ending }, ...effects);
}

function accompany(instance: Instance, other: Other | null, ...effects: readonly Effect[]): Step {
  return stay({ ...instance, other }, ...effects);
}

function unreplaced(failure: Failure): Effect {
  return { kind: "unreplaced", failure };
}
