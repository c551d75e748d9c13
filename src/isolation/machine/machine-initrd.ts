// The first file system of one machine: the order to its agent, then the drivers that all machines share.
import { readFileSync, writeFileSync } from "node:fs";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { PIDS_LIMIT_DEFAULT } from "../../core/service.ts";
import { giveFile } from "../../platform/owner.ts";
import type { Site } from "../walls/namespace.ts";
import { type AgentOrder, renderOrder } from "./agent-order.ts";
import { renderArchive } from "./cpio.ts";

export interface Initrd {
  /** The archive of the drivers. */
  readonly drivers: string;
  readonly order: AgentOrder;
  readonly owner: number | null;
}

export function writeInitrd(path: string, { drivers, order, owner }: Initrd): void {
  const content = new TextEncoder().encode(renderOrder(order));
  const archive = renderArchive([{ name: "order", kind: "file", content }]);
  // The order holds secrets, so no other user may read it even for a moment.
  writeFileSync(path, Buffer.concat([archive, readFileSync(drivers)]), { mode: 0o600 });
  giveFile(path, owner);
}

/** The order for a launch, whatever the hypervisor. */
export function orderFor(
  { owner, placement }: Site,
  { plan, ...rest }: Pick<AgentOrder, "channel" | "data" | "root"> & { readonly plan: LaunchPlan },
): AgentOrder {
  const user = owner ?? process.getuid?.() ?? 0;
  return {
    ...rest,
    account: { user, group: user, home: plan.instanceDir },
    hostname: placement.ref.id,
    cwd: plan.cwd,
    port: placement.port,
    socketPath: plan.socketPath,
    processesMax: placement.service.pidsLimit ?? PIDS_LIMIT_DEFAULT,
    argv: plan.argv,
    env: plan.env,
  };
}
