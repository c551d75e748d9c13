// The files of one launch of a virtual machine, in the launch's own directory: what it starts from, and by which it and
// the
// server talk. Those that the hypervisor uses belong to the instance's user; none can be put in another's place by it.
import { chownSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { FailureError, startFailure } from "../../core/failure.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { hasOwnRoot, PIDS_LIMIT_DEFAULT, type Service } from "../../core/service.ts";
import { makePipes } from "../../platform/process/output-pipes.ts";
import type { Placement } from "../level.ts";
import type { Site } from "../walls/namespace.ts";
import { type AgentOrder, renderOrder } from "./agent-order.ts";
import { renderArchive } from "./cpio.ts";

export interface MachineFiles {
  /** The first file system of the machine, with the order in it. */
  readonly initrd: string;
  /** Named pipe of orders to the agent. */
  readonly orders: string;
  /** What the agent says. */
  readonly status: string;
  /** What the kernel says. */
  readonly console: string;
}

export function machineFilesIn(top: string): MachineFiles {
  return {
    initrd: `${top}/initrd`,
    orders: `${top}/orders`,
    status: `${top}/guest-status`,
    console: `${top}/console`,
  };
}

/** Makes all of them. */
export function makeMachineFiles(files: MachineFiles, contents: InitrdContents): void {
  const { owner } = contents;
  writeInitrd(files.initrd, contents);
  for (const file of [files.status, files.console]) writeFileSync(file, "", { mode: 0o600 });
  makePipes(parentOf(files.orders), [files.orders]);
  give([files.orders, files.status, files.console], owner);
}

export interface InitrdContents {
  /** The part that all machines share. */
  readonly drivers: string;
  readonly order: AgentOrder;
  readonly owner: number | null;
}

/** Writes the first file system of a machine, the order before the drivers. */
export function writeInitrd(path: string, { drivers, order, owner }: InitrdContents): void {
  const content = new TextEncoder().encode(renderOrder(order));
  // Secrets are in it, so nobody else may read it for a moment either.
  const archive = renderArchive([{ name: "order", kind: "file", content }]);
  writeFileSync(path, Buffer.concat([archive, readFileSync(drivers)]), { mode: 0o600 });
  give([path], owner);
}

function give(paths: readonly string[], owner: number | null): void {
  if (owner !== null) for (const path of paths) chownSync(path, owner, owner);
}

/** What every machine is told, whatever runs it. */
export function orderFor(
  { owner, placement }: Site,
  { plan, ...rest }: Pick<AgentOrder, "channel" | "data" | "root"> & { readonly plan: LaunchPlan },
): AgentOrder {
  return {
    ...rest,
    userId: owner ?? process.getuid?.() ?? 0,
    hostname: placement.ref.id,
    cwd: plan.cwd,
    port: placement.port,
    socketPath: plan.socketPath,
    processesMax: placement.service.pidsLimit ?? PIDS_LIMIT_DEFAULT,
    argv: plan.argv,
    env: plan.env,
  };
}

/** What the walls are to let the hypervisor see: an image's program and directory are not the host's. */
export function outerPlan(
  service: Service,
  { plan, program }: { plan: LaunchPlan; program: string },
): LaunchPlan {
  return hasOwnRoot(service) ? { ...plan, argv: [program], cwd: plan.instanceDir } : plan;
}

/** What comes before a hypervisor's command: the application's environment is not for it, but for the mark. */
export function cleanEnv({ mark }: LaunchPlan): readonly string[] {
  return ["/usr/bin/env", "-i", `TENEMENT_MARK=${mark}`];
}

/** Throws START_FAILED when the instance's user could not read an image or a kernel of the operator's. */
export function checkReadable(path: string, { service }: Placement): void {
  const facts = statSync(path, { throwIfNoEntry: false });
  const state = facts === undefined ? "is not there" : "can be read by its owner alone";
  if (facts !== undefined && (facts.mode & 0o004) !== 0) return;
  const hint =
    facts === undefined ? `Correct its path in [service.${service.name}]` : `chmod o+r ${path}`;
  throw new FailureError(startFailure(`${path} ${state}`, hint));
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
