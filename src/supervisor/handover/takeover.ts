// At the start of the server: takes over the processes that an earlier one left, ends what no longer
// matches, and only then starts what is to run.
import { formatRef } from "../../core/ref.ts";
import type { ChildRecord, InstanceRow } from "../../database/instances.ts";
import { startAgain, startListed } from "../autostart.ts";
import type { InstanceActor } from "../instance/actor.ts";
import { isOwn } from "../instance/instance-processes.ts";
import type { Launched } from "../launch/launched.ts";
import type { Supervisor } from "../supervisor.ts";
import type { ReceivedHandover } from "./handover-state.ts";
import type { Leftovers } from "./leftovers.ts";

export interface Sources {
  readonly leftovers: Leftovers;
  readonly received: ReceivedHandover;
}

/** Resolves when every recorded process is either supervised or gone; its starts go on by themselves. */
export async function takeOver(
  supervisor: Supervisor,
  { leftovers, received }: Sources,
): Promise<void> {
  const { table } = supervisor.world;
  const rows = table.list();
  const adopted = await Promise.all(rows.map((row) => resume(supervisor, row, received)));
  await leftovers.sweep([...supervisor.actors()]);
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
  const other = living(row.other);
  if (child !== null || other !== null) actor.adopt({ row, child, other });
  else if (row.child !== null || row.other !== null) {
    table.setChildren(row.ref, { child: null, other: null });
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
