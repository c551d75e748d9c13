// The level "qemu": a virtual machine with a kernel of its own, run by QEMU as the instance's user behind the walls of the
// level "namespace". The machine sees what those walls show, and its only network is the way in.
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { TenError } from "../core/errors.ts";
import { type GuestRoot, planExports, type RootListing } from "../core/guest-order.ts";
import type { ChildRef } from "../core/instance.ts";
import type { LaunchPlan } from "../core/launch-plan.ts";
import { type MachineArchitecture, QEMU, renderQemu } from "../core/qemu.ts";
import { hasOwnRoot, type Service } from "../core/service.ts";
import { type GuestImage, prepareImage } from "./guest-image.ts";
import { describeKernel, findHostKernel, type GuestKernel } from "./guest-kernel.ts";
import {
  checkReadable,
  type GuestFiles,
  guestFilesIn,
  makeGuestFiles,
  orderFor,
} from "./guest-launch.ts";
import { followGuest, orderByPipe, readGuestStatus } from "./guest-status.ts";
import { SYSTEM_PATH } from "./host.ts";
import { findKvmObstacle, KVM_DEVICE, readVirtualization } from "./kvm.ts";
import type { Enclosure, Level, Placement } from "./level.ts";
import { linkSocket, type NamespaceLevel, type Site } from "./namespace.ts";

export interface QemuParts {
  readonly dataDir: string;
  /** The walls around the hypervisor. */
  readonly walls: NamespaceLevel;
  /** The first process of every machine; null where this build has none. */
  readonly readAgent: () => Uint8Array | null;
}

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
  readonly image: GuestImage;
}

export class QemuLevel implements Level {
  readonly #parts: QemuParts;

  constructor(parts: QemuParts) {
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
    const files = guestFilesIn(walls.pathsOf(placement).top);
    const root = rootOf(site);
    const order = orderFor(site, { channel: "ports", root, data: null, plan });
    makeGuestFiles(files, { drivers: image.drivers, order, owner: site.owner });
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
    // The application's environment is not the hypervisor's, but for the mark that it is found by.
    const clean = ["/usr/bin/env", "-i", `TENEMENT_MARK=${plan.mark}`];
    const wrap = () => walled.wrap([...clean, program, ...command]);
    return { ...this.#machine(placement, walled), wrap };
  }

  recover(placement: Placement, child: ChildRef): Enclosure | null {
    const walled = this.#parts.walls.recover(placement, child);
    return walled === null ? null : this.#machine(placement, walled);
  }

  /** A launch behind walls as one of a machine. */
  #machine(placement: Placement, walled: Enclosure): Enclosure {
    const { entry, top } = this.#parts.walls.pathsOf(placement);
    const files = guestFilesIn(top);
    const order = orderByPipe(files.orders);
    const readStatus = () => readGuestStatus(files.status);
    const consoleFile = files.console;
    return {
      ...walled,
      endpoints: [{ kind: "unix", path: walled.socketPath }],
      follow: (child) => followGuest(walled.follow(child), { order, readStatus, consoleFile }),
      exposeSocket() {
        // QEMU accepts connections from its start; they lead somewhere once the application listens.
        if (readStatus().listening) linkSocket(entry, walled.socketPath);
      },
    };
  }

  /** Throws LEVEL_MISSING with what this host lacks, and how to come by it. */
  #collect(service: Service): Materials {
    const { accel } = service.guest;
    const architecture = process.arch === "arm64" ? "arm64" : "x64";
    const { debianPackage, program } = QEMU[architecture];
    const found = Bun.which(program, { PATH: `${process.env["PATH"] ?? ""}:${SYSTEM_PATH}` });
    if (found === null) {
      throw missing(service, `${program} is not installed`, `apt-get install ${debianPackage}`);
    }
    const obstacle = accel === "kvm" ? findKvmObstacle(readVirtualization()) : null;
    if (obstacle !== null) {
      const slow = 'set qemu_accel = "tcg" to emulate the processor, which is slow';
      throw missing(service, obstacle.reason, `${obstacle.remedy}; or ${slow}`);
    }
    return { program: found, architecture, image: this.#prepareImage(service) };
  }

  #prepareImage(service: Service): GuestImage {
    const agent = this.#parts.readAgent();
    if (agent === null) {
      const remedy = "build ten where there is one: apt-get install gcc libc6-dev";
      throw missing(service, "ten was built without a C compiler, so without its agent", remedy);
    }
    const modules = hasOwnRoot(service) ? [...MODULES, ...IMAGE_MODULES] : MODULES;
    return prepareImage(this.#parts.dataDir, { kernel: kernelOf(service), modules, agent });
  }
}

/** What the walls are to let the hypervisor see: an image's program and directory are not the host's. */
function outerPlan(
  service: Service,
  { plan, program }: { plan: LaunchPlan; program: string },
): LaunchPlan {
  return hasOwnRoot(service) ? { ...plan, argv: [program], cwd: plan.instanceDir } : plan;
}

function openingsOf(
  { guest: { accel, rootfs } }: Service,
  { files, image }: { files: GuestFiles; image: GuestImage },
) {
  return {
    read: [...[image.kernel, files.initrd, files.orders], ...(rootfs === null ? [] : [rootfs])],
    write: [files.status, files.console],
    options: [...(accel === "kvm" ? ["--device", KVM_DEVICE] : [])],
  };
}

function rootOf({ paths, placement: { service } }: Site): GuestRoot {
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

function kernelOf(service: Service): GuestKernel {
  const { kernel } = service.guest;
  if (kernel !== null) return describeKernel(kernel);
  const found = findHostKernel();
  if (found !== null) return found;
  throw missing(
    service,
    "/boot has no kernel with drivers for 9p file systems",
    "apt-get install linux-image-amd64 (those for clouds lack them), or name one with kernel",
  );
}

function missing(service: Service, reason: string, remedy: string): TenError {
  return new TenError(
    "LEVEL_MISSING",
    `Cannot isolate "${service.name}" at level "qemu": ${reason}`,
    { hint: remedy },
  );
}
