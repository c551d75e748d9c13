// What an instance begins with when an earlier server has left processes of it.
import type { Endpoint } from "../endpoint.ts";
import { type Failure, startFailure } from "../failure.ts";
import type { ChildRef, Facts, Instance, InstanceState, Step } from "./instance.ts";
import { endOther } from "./replacement.ts";
import { restoreState, type Wanted } from "./report.ts";
import { move, stopping } from "./transitions.ts";

/** Numbers the launches of an earlier server. */
export const ADOPTED = { child: 1, other: 2 } as const;

export interface Found {
  readonly wanted: Wanted;
  readonly failure: Failure | null;
  /** The process that served, or was to; `endpoint` is null if it never got ready. */
  readonly child: { readonly ref: ChildRef; readonly endpoint: Endpoint | null } | null;
  /** The one that was on its way up or out beside it. */
  readonly other: ChildRef | null;
}

/** The process that served goes on if it is still wanted. Every other is ended. */
export function adopt(instance: Instance, found: Found, facts: Facts): Step {
  const { child, other } = found;
  const after = restoreState(found);
  const begun = { ...instance, launch: ADOPTED.child, launches: ADOPTED.other };
  if (child === null) {
    if (other === null) return move(instance, after);
    return stopping({ ...begun, launch: ADOPTED.other }, { child: other, after }, facts);
  }
  const next =
    found.wanted === "running"
      ? move(begun, resumed(child, facts))
      : stopping(begun, { child: child.ref, after }, facts);
  if (other === null) return next;
  const ended = endOther(next.instance, { launch: ADOPTED.other, child: other }, facts);
  return { ...ended, effects: [...next.effects, ...ended.effects] };
}

function resumed(
  { ref, endpoint }: NonNullable<Found["child"]>,
  { now, service }: Facts,
): InstanceState {
  const begun = { child: ref, since: now, probeAt: now };
  if (endpoint !== null) return { kind: "running", ...begun, endpoint, missed: null };
  const deadline = now + service.startupTimeoutMs;
  return { kind: "starting", ...begun, deadline, finding: null };
}

/** What a server that lives knows of an instance beyond its row, and tells the one that follows. */
export interface InstanceMemory {
  readonly restarts: number;
  /** Since each of the crashes that still count, oldest first. */
  readonly crashAgesMs: readonly number[];
  /** Null: it does not back off. An earlier version knows no more of the failure than its reason. */
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

/** An instance as it was found, with what the earlier server remembers of it. */
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
