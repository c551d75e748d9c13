// Whether the host can run machines with KVM, which its device alone does not prove.
import { accessSync, constants, statSync } from "node:fs";
import type { Gap } from "../../core/failure.ts";
import { readText } from "../files.ts";
import { isRoot } from "../owner.ts";

export const KVM_DEVICE = "/dev/kvm";

/** The facts that decide it. */
export interface VirtualizationFacts {
  readonly architecture: string;
  /** Null where the host has no such device. */
  readonly device: { readonly mode: number; readonly gid: number } | null;
  /** The text of /proc/cpuinfo. */
  readonly processor: string;
  /** Whether the server is root, so that each instance has a user of its own. */
  readonly isRoot: boolean;
  /** Whether the server itself may open the device. */
  readonly mayOpen: boolean;
}

/** The reason why KVM does not work, and its remedy; null: it works. */
export function findKvmObstacle(facts: VirtualizationFacts): Gap | null {
  const { architecture, device, isRoot, mayOpen, processor } = facts;
  // Some hosts have the device without the hardware: a machine can be made, but does not run.
  const lacksHardware = architecture === "x64" && !/^flags\s*:.*\b(vmx|svm)\b/m.test(processor);
  if (device === null) {
    const remedy = lacksHardware
      ? "switch virtualisation on in the firmware, or nested virtualisation on in the host of this machine"
      : "load its driver: modprobe kvm_intel, or kvm_amd";
    return { reason: `${KVM_DEVICE} does not exist`, remedy };
  }
  if (lacksHardware) {
    return {
      reason: `${KVM_DEVICE} exists, but this processor shows no virtualisation (neither vmx nor svm in /proc/cpuinfo)`,
      remedy: "use a host whose machines have nested virtualisation, or one of bare metal",
    };
  }
  if (!mayOpen)
    return {
      reason: `${KVM_DEVICE} may not be opened`,
      remedy: "add the server's user to its group, kvm",
    };
  const byOthers = (device.mode & 0o006) === 0o006;
  const byGroup = (device.mode & 0o060) === 0o060 && device.gid !== 0;
  if (isRoot && !byOthers && !byGroup) {
    return {
      reason: `${KVM_DEVICE} belongs to root alone`,
      remedy: `chgrp kvm ${KVM_DEVICE}; chmod 660 ${KVM_DEVICE}`,
    };
  }
  return null;
}

/** The facts of this host. */
export function readVirtualization(): VirtualizationFacts {
  const device = statSync(KVM_DEVICE, { throwIfNoEntry: false });
  return {
    architecture: process.arch,
    device: device === undefined ? null : { mode: device.mode, gid: device.gid },
    processor: readText("/proc/cpuinfo") ?? "",
    isRoot: isRoot(),
    mayOpen: mayOpen(KVM_DEVICE),
  };
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
