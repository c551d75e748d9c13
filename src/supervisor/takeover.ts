// At the start of the server: takes over the processes that an earlier one left, ends what no longer
// matches, and only then starts what is to run.
import type { InstanceRef } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import type { Spawner } from "../platform/spawner.ts";
import type { ChildRecord, InstanceRow } from "../store/instances.ts";
import { type InstanceActor, isAtRest } from "./actor.ts";
import type { Launched } from "./launcher.ts";
import { isOwn } from "./process.ts";
import type { Supervisor } from "./supervisor.ts";

/** Resolves when every recorded process is either supervised or gone; its starts go on by themselves. */
export async function takeOver(supervisor: Supervisor, spawner: Spawner): Promise<void> {
  const { table } = supervisor.world;
  const rows = table.list();
  const adopted = await Promise.all(rows.map((row) => resume(supervisor, row)));
  await sweep(supervisor, spawner);
  for (const actor of adopted) if (actor !== null) startAgain(actor);
  for (const ref of supervisor.config.instances) startListed(supervisor, ref);
}

interface Resumed {
  readonly actor: InstanceActor;
  readonly row: InstanceRow;
}

/** Null: its service is no longer configured, so nobody may run it; its row and its data stay. */
async function resume(supervisor: Supervisor, row: InstanceRow): Promise<Resumed | null> {
  const service = supervisor.config.services.get(row.ref.service);
  if (service === undefined) return null;
  const actor = supervisor.admit(row, service);
  if (row.child === null) return { actor, row };
  const launched = await adoptable(supervisor, { ref: row.ref, service, record: row.child });
  if (launched === null) supervisor.world.table.setChild(row.ref, null);
  else actor.adopt(launched, row.child.endpoint);
  return { actor, row };
}

/** The process, if it is the recorded one, as isolated as it is to be, and listens where it did. */
async function adoptable(
  { world }: Supervisor,
  { ref, service, record }: { ref: InstanceRef; service: Service; record: ChildRecord },
): Promise<Launched | null> {
  const launched = world.launcher.adopt(ref, service, record);
  if (launched === null || record.endpoint === null) return launched;
  const check = { endpoints: [record.endpoint], health: null, host: world.hostOf(ref) };
  const { kind } = await world.prober(check);
  if (kind === "ready" && (await isOwn(launched, record.endpoint))) return launched;
  world.launcher.retire(launched);
  return null;
}

/** Ends every process that bears the mark of a launch, or is in its control groups, and is not supervised. */
async function sweep(supervisor: Supervisor, spawner: Spawner): Promise<void> {
  const { launcher } = supervisor.world;
  const kept = [...supervisor.actors()].flatMap(({ ref, launched }) =>
    launched === null ? [] : [{ ref, slot: launched.slot }],
  );
  const marks = new Set(kept.map(({ ref, slot }) => launcher.mark(ref, slot)));
  await spawner.sweep((mark) => launcher.isMark(mark) && !marks.has(mark));
  await launcher.sweepGroups(kept);
}

function startAgain({ actor, row }: Resumed): void {
  if (row.wanted !== "running" || !isAtRest(actor.instance.state)) return;
  if (actor.service.idleTimeoutMs === 0) actor.send({ kind: "wake", cause: "boot" });
}

function startListed(supervisor: Supervisor, ref: InstanceRef): void {
  const actor = supervisor.find(ref) ?? supervisor.create(ref, {});
  if (actor.instance.state.kind === "asleep") actor.send({ kind: "wake", cause: "boot" });
}
