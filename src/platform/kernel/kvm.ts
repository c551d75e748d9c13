// Whether this host can run virtual machines without emulating them: a device alone does not mean that it works.
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import type { Gap } from "../../core/failure.ts";
import { isRoot } from "../owner.ts";

export const KVM_DEVICE = "/dev/kvm";

/** What of a host decides it. */
export interface VirtualizationFacts {
  readonly architecture: string;
  /** Of the device; null: there is none. */
  readonly device: { readonly mode: number; readonly gid: number } | null;
  /** The text of /proc/cpuinfo. */
  readonly processor: string;
  /** Whether the server is root, and so each instance a user of its own. */
  readonly isRoot: boolean;
  /** Whether the server itself may open the device. */
  readonly mayOpen: boolean;
}

/** Why it does not work, and what to do about it; null: it does. */
export function findKvmObstacle(facts: VirtualizationFacts): Gap | null {
  const { architecture, device, isRoot, mayOpen, processor } = facts;
  // Some hosts offer the device without hardware behind it: machines are made, but never get far.
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

/** What this host says. */
export function readVirtualization(): VirtualizationFacts {
  const device = statSync(KVM_DEVICE, { throwIfNoEntry: false });
  return {
    architecture: process.arch,
    device: device === undefined ? null : { mode: device.mode, gid: device.gid },
    processor: readProcessor(),
    isRoot: isRoot(),
    mayOpen: mayOpen(KVM_DEVICE),
  };
}

function readProcessor(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
