// At the start of the server: takes over the processes that an earlier one left, ends what no longer
// matches, and only then starts what is to run.
import { formatRef } from "../../core/ref.ts";
import type { ChildRecord, InstanceRow } from "../../database/instances.ts";
import type { Spawner } from "../../platform/process/spawner.ts";
import { startAgain, startListed } from "../autostart.ts";
import type { InstanceActor } from "../instance/actor.ts";
import { isOwn } from "../instance/instance-processes.ts";
import type { Launched } from "../launch/launches.ts";
import type { Supervisor } from "../supervisor.ts";
import type { ReceivedHandover } from "./handover-state.ts";

export interface Sources {
  readonly spawner: Spawner;
  readonly received: ReceivedHandover;
}

/** Resolves when every recorded process is either supervised or gone; its starts go on by themselves. */
export async function takeOver(
  supervisor: Supervisor,
  { spawner, received }: Sources,
): Promise<void> {
  const { table } = supervisor.world;
  const rows = table.list();
  const adopted = await Promise.all(rows.map((row) => resume(supervisor, row, received)));
  await sweep(supervisor, spawner);
  for (const found of adopted) if (found !== null) startAgain(found.actor, found.row.wanted);
  for (const ref of supervisor.config.instances) startListed(supervisor, ref);
}

interface Resumed {
  readonly actor: InstanceActor;
  readonly row: InstanceRow;
}

/** Null: its service is no longer configured, so nobody may run it; its row and its data stay. */
async function resume(
  supervisor: Supervisor,
  row: InstanceRow,
  received: ReceivedHandover,
): Promise<Resumed | null> {
  const service = supervisor.config.services.get(row.ref.service);
  if (service === undefined) return null;
  const actor = supervisor.admit(row, service);
  const { launches, table } = supervisor.world;
  const living = (record: ChildRecord | null) =>
    record === null ? null : launches.adopt(row.ref, service, record);
  const found = living(row.child);
  // Until now its server has served with it; a busy one whose socket has no room would seem not to listen.
  const child = received.has(row.ref) ? found : await serving(supervisor, row, found);
  const second = living(row.second);
  if (child !== null || second !== null) actor.adopt({ row, child, second });
  else if (row.child !== null || row.second !== null) {
    table.setChildren(row.ref, { child: null, second: null });
  }
  received.pass(actor);
  return { actor, row };
}

/** The process, unless it is to serve and no longer listens where it did. */
async function serving(
  { world }: Supervisor,
  { ref, wanted, child: record }: InstanceRow,
  launched: Launched | null,
): Promise<Launched | null> {
  const endpoint = record?.endpoint ?? null;
  if (launched === null || endpoint === null || wanted !== "running") return launched;
  const check = { endpoints: [endpoint], health: null, host: world.hostOf(ref) };
  const { kind } = await world.prober(check);
  if (kind === "ready" && (await isOwn(launched, endpoint))) return launched;
  world.report(`Did not take over the process of ${formatRef(ref)}: it does not listen any more`);
  world.launches.retire(launched);
  return null;
}

/** Ends every process that bears the mark of a launch, or is in its control groups, and is not supervised. */
async function sweep(supervisor: Supervisor, spawner: Spawner): Promise<void> {
  const { launches } = supervisor.world;
  const kept = [...supervisor.actors()].flatMap(({ ref, processes }) =>
    processes.map(({ slot }) => ({ ref, slot })),
  );
  const marks = new Set(kept.map(({ ref, slot }) => launches.mark(ref, slot)));
  await spawner.sweep((mark) => launches.isMark(mark) && !marks.has(mark));
  await launches.sweepGroups(kept);
  await launches.sweepVolumes(kept.map(({ ref }) => ref));
}
