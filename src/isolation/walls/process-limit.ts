// The default limit of processes behind walls, by a user or user namespace of the instance's own.
import { release } from "node:os";
import { isKernelAtLeast, PROCESSES_PER_NAMESPACE } from "../../core/kernel-release.ts";
import { PIDS_LIMIT_DEFAULT } from "../../core/service.ts";
import type { Placement } from "../level.ts";

/** Whether the kernel counts the processes in a rootless tenant's user namespace apart from all others of the user. */
export function limitsByNamespace(): boolean {
  return isKernelAtLeast(release(), PROCESSES_PER_NAMESPACE);
}

/**
 * The default limit of processes, by the instance's own user or user namespace: unlike a control group of version 1, it
 * costs nothing.
 */
export function processLimit({
  owner,
  placement,
}: {
  owner: number | null;
  placement: Placement;
}): readonly string[] {
  if (placement.service.pidsLimit !== null) return [];
  if (owner === null && !limitsByNamespace()) return [];
  return ["--processes", String(PIDS_LIMIT_DEFAULT)];
}
