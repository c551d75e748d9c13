// Replaces the processes of the running instances of a service, a few at a time, up to the first failure.
import { messageOf, TenError } from "../../core/errors.ts";
import { hasProcess, type Instance, isAtRest } from "../../core/life/instance.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import { overlaps } from "../../core/service.ts";
import type { Clock } from "../../platform/clock.ts";
import type { InstanceActor } from "../instance/actor.ts";

export type RolloutProgress =
  /** `total` instances have a process, or are about to have one. */
  | { readonly kind: "begun"; readonly total: number; readonly health: string | null }
  | { readonly kind: "replaced"; readonly ref: InstanceRef; readonly tookMs: number }
  /** It came to rest, or is about to start: its next process is a new one anyway. */
  | { readonly kind: "skipped"; readonly ref: InstanceRef }
  | { readonly kind: "failed"; readonly ref: InstanceRef; readonly error: TenError };

export interface RolloutOptions {
  /** Instances at a time. */
  readonly parallel: number;
  readonly onProgress?: (progress: RolloutProgress) => void;
}

export interface RolloutWorld {
  readonly clock: Clock;
  /** The health check of the service; null: it has none. */
  readonly health: string | null;
}

export interface RolloutOutcome {
  readonly replaced: readonly InstanceRef[];
  readonly skipped: readonly InstanceRef[];
  /** Each still has its former process, unless its service stops instances for a rollout. */
  readonly failed: readonly { readonly ref: InstanceRef; readonly error: TenError }[];
  /** Not begun, because another failed. */
  readonly remaining: readonly InstanceRef[];
}

/** Resolves when every instance is done, or one has failed and those under way are done. */
export async function rollOut(
  actors: readonly InstanceActor[],
  { parallel, onProgress = () => undefined, clock, health }: RolloutOptions & RolloutWorld,
): Promise<RolloutOutcome> {
  const queue = actors.filter(({ instance }) => !isAtRest(instance.state));
  const done: RolloutProgress[] = [];
  onProgress({ kind: "begun", total: queue.length, health });
  const lane = async () => {
    while (!done.some(({ kind }) => kind === "failed")) {
      const actor = queue.shift();
      if (actor === undefined) return;
      const progress = await replaceOne(actor, clock);
      done.push(progress);
      onProgress(progress);
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  const refsOf = (wanted: "replaced" | "skipped") =>
    done.flatMap((each) => (each.kind === wanted ? [each.ref] : []));
  return {
    replaced: refsOf("replaced"),
    skipped: refsOf("skipped"),
    failed: done.filter((each) => each.kind === "failed"),
    remaining: queue.map(({ ref }) => ref),
  };
}

async function replaceOne(actor: InstanceActor, clock: Clock): Promise<RolloutProgress> {
  const { ref } = actor;
  const begunAt = clock.now();
  try {
    const isReplaced = await replace(actor);
    if (!isReplaced) return { kind: "skipped", ref };
    return { kind: "replaced", ref, tookMs: clock.now() - begunAt };
  } catch (thrown) {
    const error =
      thrown instanceof TenError
        ? thrown
        : new TenError("FAILED", `Cannot replace "${formatRef(ref)}": ${messageOf(thrown)}`, {
            cause: thrown,
          });
    return { kind: "failed", ref, error };
  }
}

/** False: there was no running process to replace. */
async function replace(actor: InstanceActor): Promise<boolean> {
  await actor.until(isSettled);
  const { launch, state } = actor.instance;
  if (state.kind !== "running") return false;
  if (!overlaps(actor.service)) {
    await startAnew(actor);
    return true;
  }
  try {
    await actor.replace();
    return true;
  } catch (error) {
    const { instance } = actor;
    // An instance that crashed or was ordered to rest meanwhile has a new process next: that is no failure.
    if (instance.launch === launch && instance.state.kind === "running") throw error;
    return false;
  }
}

/** For a process that must not run twice: the old one ends first, and requests wait until the new one is ready. */
async function startAnew(actor: InstanceActor): Promise<void> {
  actor.send({ kind: "rest", to: "restart" });
  const lease = await actor.wake("operator");
  lease.release();
}

/** Not between two states: a start under way may have begun before the rollout. */
function isSettled({ state, second }: Instance): boolean {
  return state.kind === "running" ? second === null : !hasProcess(state);
}
