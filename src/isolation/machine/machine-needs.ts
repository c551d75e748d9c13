// The needs of a level that runs machines: each is found on the host, or refused with the remedy.
import { existsSync } from "node:fs";
import type { Service } from "../../core/service.ts";
import type { Host } from "../../platform/host.ts";
import { describeKernel, type GuestKernel } from "../../platform/kernel/guest-kernel.ts";
import { levelMissing } from "../level.ts";
import type { NamespaceLevel } from "../walls/namespace.ts";
import { type MachineImage, prepareImage } from "./machine-image.ts";

/** The parts of a level that runs machines. */
export interface MachineParts {
  readonly dataDir: string;
  /** The walls around the hypervisor. */
  readonly walls: NamespaceLevel;
  readonly host: Pick<Host, "which" | "findKvmObstacle" | "findGuestKernel">;
  /** The program of every machine's first process; null where this build has none. */
  readonly readAgent: () => Uint8Array | null;
}

/** The path of a program. Throws LEVEL_MISSING where it is not installed. */
export function needProgram(
  service: Service,
  { host, program, remedy }: Pick<MachineParts, "host"> & { program: string; remedy: string },
): string {
  const found = host.which(program);
  if (found !== null) return found;
  throw levelMissing(service, { reason: `${program} is not installed`, remedy });
}

/** Throws LEVEL_MISSING where machines would have to be emulated; `otherwise` names an alternative. */
export function needKvm(
  service: Service,
  { host, otherwise }: Pick<MachineParts, "host"> & { otherwise: string },
): void {
  const obstacle = host.findKvmObstacle();
  if (obstacle === null) return;
  throw levelMissing(service, obstacle, otherwise);
}

/** Describes the kernel at a path. Throws LEVEL_MISSING where there is none. */
export function needKernel(service: Service, path: string): GuestKernel {
  if (existsSync(path)) return describeKernel(path);
  const remedy = `Correct kernel in [service.${service.name}]`;
  throw levelMissing(service, { reason: `there is no kernel at ${path}`, remedy });
}

/** The image that a machine starts from. Throws LEVEL_MISSING where this build has no agent. */
export function needImage(
  service: Service,
  { dataDir, kernel, modules, readAgent }: ImageNeeds,
): MachineImage {
  const agent = readAgent();
  if (agent !== null) return prepareImage(dataDir, { kernel, modules, agent });
  throw levelMissing(service, {
    reason: "ten was built without a C compiler, so without the agent for machines",
    remedy: "build it where there is one: apt-get install gcc libc6-dev",
  });
}

interface ImageNeeds extends Pick<MachineParts, "dataDir" | "readAgent"> {
  readonly kernel: GuestKernel;
  readonly modules: readonly string[];
}
