// Takes over from an earlier server: adopts the processes that still match, ends all others, then starts instances.

import { messageOf } from "../../core/errors.ts";
import type { ChildRef } from "../../core/life/instance.ts";
import { formatRef } from "../../core/ref.ts";
import type { ChildRecord, InstanceRow } from "../../database/instances.ts";
import type { Clock } from "../../platform/clock.ts";
import { startAgain, startListed } from "../autostart.ts";
import type { InstanceActor } from "../instance/actor.ts";
import { isOwn, isOwnPeer } from "../instance/own-endpoint.ts";
import type { Launched } from "../launch/launched.ts";
import type { Supervisor } from "../supervisor.ts";
import type { ReceivedHandover } from "./handover-state.ts";
import type { Leftovers } from "./leftovers.ts";

export interface TakeoverParts {
  readonly leftovers: Leftovers;
  readonly received: ReceivedHandover;
}

/** A process that was killed ends within milliseconds, or hangs in the kernel. */
const END_MS = 2000;

/**
 * Resolves when every process of an earlier server is supervised or has ended, not when all starts have. An instance
 * that can't be taken over is reported, and its processes are ended.
 */
export async function takeOver(
  supervisor: Supervisor,
  { leftovers, received }: TakeoverParts,
): Promise<void> {
  const { table } = supervisor.world;
  const rows = table.list();
  const resumed = await Promise.all(rows.map((row) => resume(supervisor, row, received)));
  await leftovers.sweep([...supervisor.actors()], abandonedOf(supervisor, rows));
  for (const each of resumed) if (each !== null) startAgain(each.actor, each.row.wanted);
  const { report } = supervisor.world;
  for (const ref of supervisor.config.instances)
    attempt(() => startListed(supervisor, ref), report);
}

/** The recorded processes that no instance goes on with. */
function abandonedOf(supervisor: Supervisor, rows: readonly InstanceRow[]): readonly ChildRef[] {
  const kept = new Set(
    [...supervisor.actors()].flatMap(({ processes }) =>
      processes.map(({ child }) => child.ref.pid),
    ),
  );
  const recorded = rows.flatMap(({ child, second }) => [child?.child ?? [], second?.child ?? []]);
  return recorded.flat().filter(({ pid }) => !kept.has(pid));
}

interface Resumed {
  readonly actor: InstanceActor;
  readonly row: InstanceRow;
}

/** Null: its service is no longer configured, so it must not run; its row and its data stay. */
async function resume(
  supervisor: Supervisor,
  row: InstanceRow,
  received: ReceivedHandover,
): Promise<Resumed | null> {
  const service = supervisor.config.services.get(row.ref.service);
  if (service === undefined) return null;
  const actor = supervisor.load(row, service);
  await goOn(supervisor, { actor, row }, received).catch((error: unknown) =>
    supervisor.world.report(cannotTakeOver(row, error)),
  );
  return { actor, row };
}

/** Goes on with the processes that still match. */
async function goOn(
  supervisor: Supervisor,
  { actor, row }: Resumed,
  received: ReceivedHandover,
): Promise<void> {
  const { launches, report, table } = supervisor.world;
  const adopted = (record: ChildRecord | null) =>
    record === null
      ? null
      : attempt(
          () => launches.adopt(row.ref, actor.service, record),
          (error) => report(cannotTakeOver(row, error)),
        );
  const found = adopted(row.child);
  // The previous server has used the process until now; a busy one with a full backlog would seem not to listen.
  const child = received.has(row.ref) ? found : await ifListening(supervisor, row, found);
  const second = adopted(row.second);
  if (child !== null || second !== null) actor.adopt({ row, child, second });
  else if (row.child !== null || row.second !== null) {
    table.setChildren(row.ref, { child: null, second: null });
  }
  received.apply(actor);
}

function cannotTakeOver({ ref }: InstanceRow, cause: unknown): Error {
  return new Error(`Cannot take over "${formatRef(ref)}": ${messageOf(cause)}`, { cause });
}

/** Null where it throws: the other instances go on. */
function attempt<T>(act: () => T, report: (error: unknown) => void): T | null {
  try {
    return act();
  } catch (error) {
    report(error);
    return null;
  }
}

/** The process; null where it was to serve, no longer listened at its endpoint, and has been ended. */
async function ifListening(
  { world }: Supervisor,
  { ref, wanted, child: record }: InstanceRow,
  launched: Launched | null,
): Promise<Launched | null> {
  const endpoint = record?.endpoint ?? null;
  if (launched === null || endpoint === null || wanted !== "running") return launched;
  const { kind } = await world.prober({
    endpoints: [endpoint],
    check: null,
    host: world.hostnameOf(ref),
    hasServed: true,
    isOwn: (peer) => isOwnPeer(launched, peer),
  });
  if (kind === "unasked") return launched;
  if (kind === "ready" && (await isOwn(launched, endpoint))) return launched;
  if (!(await hasEnded(launched, world.clock))) return launched;
  world.report(`Did not adopt the process of ${formatRef(ref)}: it no longer listens`);
  world.launches.retire(launched);
  return null;
}

/** Kills a process. False: it has not ended in time, so it has to be supervised further. */
async function hasEnded({ child }: Launched, clock: Clock): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(END_MS, () => resolve(false));
  child.signal("SIGKILL");
  child.gone.then(
    () => resolve(true),
    () => resolve(false),
  );
  return await promise.finally(cancel);
}
