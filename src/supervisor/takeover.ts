// At the start of the server: takes over the processes that an earlier one left, ends what no longer
// matches, and only then starts what is to run.
import { formatRef, type InstanceRef } from "../core/ref.ts";
import type { Spawner } from "../platform/spawner.ts";
import type { ChildRecord, InstanceRow } from "../store/instances.ts";
import type { InstanceActor } from "./actor.ts";
import type { Inheritance } from "./estate.ts";
import type { Launched } from "./launcher.ts";
import { isOwn } from "./process.ts";
import type { Supervisor } from "./supervisor.ts";

export interface Sources {
  readonly spawner: Spawner;
  readonly inheritance: Inheritance;
}

/** Resolves when every recorded process is either supervised or gone; its starts go on by themselves. */
export async function takeOver(
  supervisor: Supervisor,
  { spawner, inheritance }: Sources,
): Promise<void> {
  const { table } = supervisor.world;
  const rows = table.list();
  const adopted = await Promise.all(rows.map((row) => resume(supervisor, row, inheritance)));
  await sweep(supervisor, spawner);
  for (const actor of adopted) if (actor !== null) startAgain(actor);
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
  inheritance: Inheritance,
): Promise<Resumed | null> {
  const service = supervisor.config.services.get(row.ref.service);
  if (service === undefined) return null;
  const actor = supervisor.admit(row, service);
  const { launcher, table } = supervisor.world;
  const living = (record: ChildRecord | null) =>
    record === null ? null : launcher.adopt(row.ref, service, record);
  const found = living(row.child);
  // Until now its server has served with it; a busy one whose socket has no room would seem not to listen.
  const child = inheritance.has(row.ref) ? found : await serving(supervisor, row, found);
  const other = living(row.other);
  if (child !== null || other !== null) actor.adopt({ row, child, other });
  else if (row.child !== null || row.other !== null) {
    table.setChildren(row.ref, { child: null, other: null });
  }
  inheritance.pass(actor);
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
  world.launcher.retire(launched);
  return null;
}

/** Ends every process that bears the mark of a launch, or is in its control groups, and is not supervised. */
async function sweep(supervisor: Supervisor, spawner: Spawner): Promise<void> {
  const { launcher } = supervisor.world;
  const kept = [...supervisor.actors()].flatMap(({ ref, processes }) =>
    processes.map(({ slot }) => ({ ref, slot })),
  );
  const marks = new Set(kept.map(({ ref, slot }) => launcher.mark(ref, slot)));
  await spawner.sweep((mark) => launcher.isMark(mark) && !marks.has(mark));
  await launcher.sweepGroups(kept);
  await launcher.sweepVolumes(kept.map(({ ref }) => ref));
}

const UNDER_WAY: ReadonlySet<string> = new Set(["running", "starting", "waiting"]);

/** Takes an instance back whose service is configured again. */
export function readmit(supervisor: Supervisor, row: InstanceRow): void {
  const actor = supervisor.admit(row, supervisor.service(row.ref.service));
  // What it may have had was ended when its service was gone.
  supervisor.world.table.setChildren(row.ref, { child: null, other: null });
  startAgain({ actor, row });
}

function startAgain({ actor, row }: Resumed): void {
  const { kind } = actor.instance.state;
  if (row.wanted !== "running" || UNDER_WAY.has(kind)) return;
  if (actor.service.idleTimeoutMs === 0) actor.send({ kind: "wake", cause: "boot" });
}

/** Registers an instance of `[instances]` if need be, and starts it unless an operator has it rest. */
export function startListed(supervisor: Supervisor, ref: InstanceRef): void {
  const actor = supervisor.find(ref) ?? supervisor.create(ref, {});
  if (actor.instance.state.kind === "asleep") actor.send({ kind: "wake", cause: "boot" });
}
