// The adoption of an instance whose processes have outlived an earlier server.
import type { Endpoint } from "../endpoint.ts";
import { type Failure, startFailure } from "../failure.ts";
import type { ChildRef, Facts, Instance, InstanceState, Step } from "./instance.ts";
import { endSecond } from "./replacement.ts";
import { restoreState, type Wanted } from "./report.ts";
import { move, stopping } from "./transitions.ts";

/** The numbers of the launches of an earlier server. */
export const ADOPTED = { child: 1, second: 2 } as const;

/** An instance as the database and the living processes describe it. */
export interface FoundInstance {
  readonly wanted: Wanted;
  readonly failure: Failure | null;
  /** The process that served or was starting; `endpoint` is null if it was never ready. */
  readonly child: { readonly ref: ChildRef; readonly endpoint: Endpoint | null } | null;
  /** The second process, a replacement or a former process. */
  readonly second: ChildRef | null;
}

/** Keeps the process that served if the instance is to run, and ends any other process. */
export function adopt(instance: Instance, found: FoundInstance, facts: Facts): Step {
  const { child, second } = found;
  const after = restoreState(found);
  const begun = { ...instance, launch: ADOPTED.child, launches: ADOPTED.second };
  if (child === null) {
    if (second === null) return move(instance, after);
    return stopping({ ...begun, launch: ADOPTED.second }, { child: second, after }, facts);
  }
  const next =
    found.wanted === "running"
      ? move(begun, resumed(child, facts))
      : stopping(begun, { child: child.ref, after }, facts);
  if (second === null) return next;
  const ended = endSecond(next.instance, { launch: ADOPTED.second, child: second }, facts);
  return { ...ended, effects: [...next.effects, ...ended.effects] };
}

function resumed(
  { ref, endpoint }: NonNullable<FoundInstance["child"]>,
  { now, service }: Facts,
): InstanceState {
  const begun = { child: ref, since: now, probeAt: now };
  if (endpoint !== null) return { kind: "running", ...begun, endpoint, missed: null };
  const deadline = now + service.startupTimeoutMs;
  return { kind: "starting", ...begun, deadline, finding: null };
}

/** The part of an instance that is not in the database, handed over to the next server. */
export interface InstanceMemory {
  readonly restarts: number;
  /** The time since each crash that still counts, oldest first. */
  readonly crashAgesMs: readonly number[];
  /** Null: the instance does not back off. An earlier version hands over only the reason of the failure. */
  readonly backOff:
    | (Pick<Failure, "reason"> &
        Partial<Failure> & { readonly leftMs: number; readonly ready: boolean })
    | null;
}

export function memoryOf({ state, restarts, crashes }: Instance, now: number): InstanceMemory {
  const { kind } = state;
  const backOff =
    kind === "waiting"
      ? { leftMs: state.deadline - now, ready: state.ready, ...state.failure }
      : null;
  return { restarts, crashAgesMs: crashes.map((at) => now - at), backOff };
}

/** Adds the memory of the earlier server to an adopted instance. */
export function restoreMemory(
  instance: Instance,
  { restarts, crashAgesMs, backOff }: InstanceMemory,
  now: number,
): Instance {
  const crashes = crashAgesMs.map((ageMs) => now - ageMs);
  const remembered = { ...instance, restarts, crashes };
  if (backOff === null || instance.state.kind !== "asleep") return remembered;
  const { leftMs, ready, reason, hint, code } = backOff;
  const failure = { ...startFailure(reason, hint), ...(code !== undefined && { code }) };
  return { ...remembered, state: { kind: "waiting", deadline: now + leftMs, failure, ready } };
}
