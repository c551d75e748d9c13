// Starts without a request: the instances of `[instances]`, and those that never sleep and ran before.
import { isUp } from "../core/life/instance.ts";
import type { Wanted } from "../core/life/report.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { InstanceRow } from "../database/instances.ts";
import type { InstanceActor } from "./instance/actor.ts";
import type { Supervisor } from "./supervisor.ts";

/** Loads an instance whose service is configured again, and starts it if it ran before. */
export function loadAndStart(supervisor: Supervisor, row: InstanceRow): void {
  const actor = supervisor.load(row, supervisor.service(row.ref.service));
  // Its processes ended when its service was removed from the configuration.
  supervisor.world.table.setChildren(row.ref, { child: null, second: null });
  startAgain(actor, row.wanted);
}

/** Starts an instance that ran before, if its service never sleeps. */
export function startAgain(actor: InstanceActor, wanted: Wanted): void {
  if (wanted !== "running" || isUp(actor.instance.state)) return;
  if (actor.service.idleTimeoutMs === 0) actor.send({ kind: "wake", cause: "boot" });
}

/** Starts an instance of `[instances]` unless an operator has stopped it; creates it if it is missing. */
export function startListed(supervisor: Supervisor, ref: InstanceRef): void {
  const actor = supervisor.find(ref) ?? supervisor.create(ref, {});
  supervisor.provisional.keep(actor);
  if (actor.instance.state.kind === "asleep") actor.send({ kind: "wake", cause: "boot" });
}
