// Examines the requirements of virtual machines: KVM, QEMU, Firecracker, and a kernel for the guest.
import { QEMU } from "../isolation/machine/qemu-command.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

const GROUP = "virtual machines";

export function examineMachines(host: Host): readonly Finding[] {
  if (host.platform !== "linux") return [];
  return [
    describeKvm(host),
    describeQemu(host),
    describeGuestKernel(host),
    describeFirecracker(host),
  ];
}

function describeKvm(host: Host): Finding {
  const finding = { id: "machines.kvm", group: GROUP, title: "KVM" } as const;
  const obstacle = host.findKvmObstacle();
  if (obstacle === null) return fine({ ...finding, found: "usable" });
  return {
    ...finding,
    state: "missing",
    found: obstacle.reason,
    meaning: 'Virtual machines can only be emulated: qemu_accel = "tcg", which is slow',
    remedy: obstacle.remedy,
    blocks: ["qemu_accel=kvm", "isolation=firecracker"],
  };
}

function describeQemu(host: Host): Finding {
  const { debianPackage, program } = QEMU[process.arch === "arm64" ? "arm64" : "x64"];
  const finding = { id: "machines.qemu", group: GROUP, title: "QEMU" } as const;
  const found = host.which(program);
  if (found !== null) return fine({ ...finding, found });
  return {
    ...finding,
    state: "missing",
    found: `${program} is not installed`,
    meaning: "No instance can run in a virtual machine of QEMU",
    remedy: `apt-get install ${debianPackage}`,
    blocks: ["isolation=qemu"],
  };
}

function describeGuestKernel(host: Host): Finding {
  const finding = { id: "machines.kernel", group: GROUP, title: "kernel for guests" } as const;
  const found = host.findGuestKernel();
  if (found !== null) return fine({ ...finding, found });
  return {
    ...finding,
    // A service may have its own kernel.
    state: "warning",
    found: "none in /boot that can mount the host's files",
    meaning: "A service in a virtual machine has to name a kernel of its own",
    remedy: "apt-get install linux-image-amd64, or set kernel; those for clouds lack 9p",
    blocks: [],
  };
}

function describeFirecracker(host: Host): Finding {
  const finding = { id: "machines.firecracker", group: GROUP, title: "Firecracker" } as const;
  const missing = ["firecracker", "mke2fs"].filter((program) => host.which(program) === null);
  if (missing.length === 0) return fine({ ...finding, found: host.which("firecracker") ?? "" });
  return {
    ...finding,
    state: "missing",
    found: `not installed: ${missing.join(", ")}`,
    meaning: "No instance can run in a virtual machine of Firecracker",
    remedy: missing.includes("firecracker")
      ? "Install it from https://github.com/firecracker-microvm/firecracker/releases"
      : "apt-get install e2fsprogs",
    blocks: ["isolation=firecracker"],
  };
}
