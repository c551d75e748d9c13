// Starts without a request: the instances of `[instances]`, and those that ran when the server ended and never sleep
import type { Wanted } from "../core/life/report.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { InstanceRow } from "../database/instances.ts";
import type { InstanceActor } from "./instance/actor.ts";
import type { Supervisor } from "./supervisor.ts";

const UNDER_WAY: ReadonlySet<string> = new Set(["running", "starting", "waiting"]);

/** Registers an instance again whose service is configured again. */
export function readmit(supervisor: Supervisor, row: InstanceRow): void {
  const actor = supervisor.admit(row, supervisor.service(row.ref.service));
  // What it may have had was ended when its service was gone.
  supervisor.world.table.setChildren(row.ref, { child: null, second: null });
  startAgain(actor, row.wanted);
}

/** Starts an instance that was running and never sleeps. */
export function startAgain(actor: InstanceActor, wanted: Wanted): void {
  const { kind } = actor.instance.state;
  if (wanted !== "running" || UNDER_WAY.has(kind)) return;
  if (actor.service.idleTimeoutMs === 0) actor.send({ kind: "wake", cause: "boot" });
}

/** Registers an instance of `[instances]` if it is missing, and starts it unless an operator stopped it. */
export function startListed(supervisor: Supervisor, ref: InstanceRef): void {
  const actor = supervisor.find(ref) ?? supervisor.create(ref, {});
  if (actor.instance.state.kind === "asleep") actor.send({ kind: "wake", cause: "boot" });
}
