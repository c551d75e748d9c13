// The level "qemu": a virtual machine with a kernel of its own, run by QEMU as the instance's user behind the walls of
// the
// level "namespace". The machine sees what those walls show, and its only network is the way in.
import { existsSync, readdirSync, readlinkSync, statSync } from "node:fs";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import type { ChildRef } from "../../core/life/instance.ts";
import { hasOwnRoot, type Service } from "../../core/service.ts";
import type { GuestKernel } from "../../platform/kernel/guest-kernel.ts";
import { KVM_DEVICE } from "../../platform/kernel/kvm.ts";
import { type Enclosure, type Level, levelMissing, type Placement } from "../level.ts";
import { linkSocket, type Site } from "../walls/namespace.ts";
import { type AgentRoot, planExports, type RootListing } from "./agent-order.ts";
import { followMachine, orderByPipe, readAgentStatus } from "./agent-status.ts";
import type { MachineImage } from "./machine-image.ts";
import {
  checkReadable,
  cleanEnv,
  type MachineFiles,
  machineFilesIn,
  makeMachineFiles,
  orderFor,
  outerPlan,
} from "./machine-launch.ts";
import { type MachineParts, needImage, needKernel, needKvm, needProgram } from "./machine-needs.ts";
import { type MachineArchitecture, QEMU, renderQemu } from "./qemu-command.ts";

/** Drivers of the machine's devices, and of the files that the host exports. */
const MODULES = ["virtio_pci", "virtio_console", "virtio_net", "9pnet_virtio", "9p"] as const;
/** What an image needs as well. Checksums are loaded by name, which nobody in the machine could do. */
const IMAGE_MODULES = ["virtio_blk", "crc32c_generic", "ext4", "squashfs", "overlay"] as const;
/** Of QEMU beside one for each processor: its main loop, and at most 64 that work on files. */
const THREADS = 70;
/** The first disk of a machine. */
const IMAGE_DEVICE = "/dev/vda";

/** What a machine is made of. */
interface Materials {
  readonly program: string;
  readonly architecture: MachineArchitecture;
  readonly image: MachineImage;
}

export class QemuLevel implements Level {
  readonly #parts: MachineParts;
  /** Of the host, looked for once: going through all modules takes a while. */
  #hostKernel: string | null = null;

  constructor(parts: MachineParts) {
    this.#parts = parts;
  }

  enclose(placement: Placement, plan: LaunchPlan): Enclosure {
    const { walls } = this.#parts;
    const { port, service } = placement;
    const { architecture, image, program } = this.#collect(service);
    const { rootfs } = service.guest;
    if (rootfs !== null) checkReadable(rootfs, placement);
    const outer = outerPlan(service, { plan, program });
    const site = walls.prepare(placement, outer, THREADS + service.guest.vcpus);
    const files = machineFilesIn(walls.pathsOf(placement).top);
    const root = rootOf(site);
    const order = orderFor(site, { channel: "ports", root, data: null, plan });
    makeMachineFiles(files, { drivers: image.drivers, order, owner: site.owner });
    const walled = walls.surround(site, openingsOf(service, { files, image }));
    const command = renderQemu({
      ...service.guest,
      architecture,
      port,
      kernel: image.kernel,
      initrd: files.initrd,
      image: rootfs,
      exports: root.exports,
      ordersPipe: files.orders,
      statusFile: files.status,
      consoleFile: files.console,
    });
    const wrap = () => walled.wrap([...cleanEnv(plan), program, ...command]);
    return { ...this.#machine(placement, walled), wrap };
  }

  recover(placement: Placement, child: ChildRef): Enclosure | null {
    const walled = this.#parts.walls.recover(placement, child);
    return walled === null ? null : this.#machine(placement, walled);
  }

  /** A launch behind walls as one of a machine. */
  #machine(placement: Placement, walled: Enclosure): Enclosure {
    const { entry, top } = this.#parts.walls.pathsOf(placement);
    const files = machineFilesIn(top);
    const order = orderByPipe(files.orders);
    const readStatus = () => readAgentStatus(files.status);
    const consoleFile = files.console;
    return {
      ...walled,
      endpoints: [{ kind: "unix", path: walled.socketPath }],
      follow: (child) => followMachine(walled.follow(child), { order, readStatus, consoleFile }),
      exposeSocket() {
        // QEMU accepts connections from its start; they lead somewhere once the application listens.
        if (readStatus().listening) linkSocket(entry, walled.socketPath);
      },
    };
  }

  /** Throws LEVEL_MISSING with what this host lacks, and how to come by it. */
  #collect(service: Service): Materials {
    const { host } = this.#parts;
    const architecture = process.arch === "arm64" ? "arm64" : "x64";
    const { debianPackage, program } = QEMU[architecture];
    const remedy = `apt-get install ${debianPackage}`;
    const found = needProgram(service, { host, program, remedy });
    const otherwise = 'set qemu_accel = "tcg" to emulate the processor, which is slow';
    if (service.guest.accel === "kvm") needKvm(service, { host, otherwise });
    const modules = hasOwnRoot(service) ? [...MODULES, ...IMAGE_MODULES] : MODULES;
    const kernel = this.#findKernel(service);
    return {
      program: found,
      architecture,
      image: needImage(service, { ...this.#parts, kernel, modules }),
    };
  }

  #findKernel(service: Service): GuestKernel {
    const path = service.guest.kernel ?? this.#findHostKernel();
    if (path !== null) return needKernel(service, path);
    throw levelMissing(service, {
      reason: "/boot has no kernel with drivers for 9p file systems",
      remedy: "apt-get install linux-image-amd64 (those for clouds lack them), or set kernel",
    });
  }

  #findHostKernel(): string | null {
    if (this.#hostKernel === null || !existsSync(this.#hostKernel)) {
      this.#hostKernel = this.#parts.host.findGuestKernel();
    }
    return this.#hostKernel;
  }
}

function openingsOf(
  { guest: { accel, rootfs } }: Service,
  { files, image }: { files: MachineFiles; image: MachineImage },
) {
  return {
    read: [...[image.kernel, files.initrd, files.orders], ...(rootfs === null ? [] : [rootfs])],
    write: [files.status, files.console],
    options: [...(accel === "kvm" ? ["--device", KVM_DEVICE] : [])],
  };
}

function rootOf({ paths, placement: { service } }: Site): AgentRoot {
  const root = planExports(listRoot(), paths);
  if (!hasOwnRoot(service)) return root;
  const exports = root.exports.filter(({ kind }) => kind === "write");
  return { kind: "image", device: IMAGE_DEVICE, exports };
}

function listRoot(): RootListing {
  const entries = readdirSync("/", { withFileTypes: true });
  const links = entries.filter((entry) => entry.isSymbolicLink() && !entry.name.includes(":"));
  const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return {
    directories: directories.filter((name) => isWorthExporting(`/${name}`)),
    links: Object.fromEntries(links.map(({ name }) => [name, readlinkSync(`/${name}`)])),
  };
}

/** QEMU, an ordinary user, can't export what it may not open; and each export makes every start a little longer. */
function isWorthExporting(path: string): boolean {
  return (statSync(path).mode & 0o005) === 0o005 && readdirSync(path).length > 0;
}
