// The level "qemu": machines that see the same files as behind walls, or an image; their only network is the entry.
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { hasOwnRoot, type Service } from "../../core/service.ts";
import type { GuestKernel } from "../../platform/kernel/guest-kernel.ts";
import { KVM_DEVICE } from "../../platform/kernel/kvm.ts";
import { giveFile } from "../../platform/owner.ts";
import { makePipes } from "../../platform/process/output-pipes.ts";
import type { LaunchPaths } from "../launcher/launcher-directory.ts";
import { type Level, levelMissing } from "../level.ts";
import { listHost } from "../walls/host-listing.ts";
import type { Site } from "../walls/namespace.ts";
import { linkSocket } from "../walls/socket-link.ts";
import { type AgentRoot, planExports } from "./agent-order.ts";
import { orderByPipe, readAgentStatus } from "./agent-status.ts";
import type { MachineImage } from "./machine-image.ts";
import { orderFor, writeInitrd } from "./machine-initrd.ts";
import {
  type Hypervisor,
  type MachineConnection,
  type MachineLaunch,
  MachineLevel,
  type PreparedMachine,
} from "./machine-level.ts";
import { type MachineParts, needImage, needKernel, needKvm, needProgram } from "./machine-needs.ts";
import { type MachineArchitecture, QEMU, renderQemu } from "./qemu-command.ts";

/** Drivers of the machine's devices, and of the files that the host exports. */
const MODULES = ["virtio_pci", "virtio_console", "virtio_net", "9pnet_virtio", "9p"] as const;
/** Further drivers for an image. The kernel asks for checksums by name, which the agent can't answer. */
const IMAGE_MODULES = ["virtio_blk", "crc32c_generic", "ext4", "squashfs", "overlay"] as const;
/** The main loop, and at most 64 that work on files. */
const THREADS = 70;
/** The first disk of a machine. */
const IMAGE_DEVICE = "/dev/vda";

interface Materials {
  readonly program: string;
  readonly architecture: MachineArchitecture;
  readonly image: MachineImage;
}

/** Files of one launch. Those that QEMU opens belong to the instance's user, their directory to the server. */
interface Files {
  readonly initrd: string;
  /** Named pipe of orders to the agent. */
  readonly orders: string;
  /** The agent's lines. */
  readonly status: string;
  /** The kernel's messages. */
  readonly console: string;
}

/** The next version of the server finds a running machine by these names. */
function filesIn({ top }: LaunchPaths): Files {
  return {
    initrd: `${top}/initrd`,
    orders: `${top}/orders`,
    status: `${top}/guest-status`,
    console: `${top}/console`,
  };
}

export function qemuLevel(parts: MachineParts): Level {
  return new MachineLevel(parts.walls, new Qemu(parts));
}

class Qemu implements Hypervisor<Materials> {
  readonly threads = THREADS;
  readonly #parts: MachineParts;
  /** Of the host, remembered: finding it lists the modules of every kernel. */
  #hostKernel: string | null = null;

  constructor(parts: MachineParts) {
    this.#parts = parts;
  }

  collect(service: Service): Materials {
    const { host } = this.#parts;
    const architecture = process.arch === "arm64" ? "arm64" : "x64";
    const { debianPackage, program } = QEMU[architecture];
    const remedy = `apt-get install ${debianPackage}`;
    const found = needProgram(service, { host, program, remedy });
    const otherwise = 'set qemu_accel = "tcg" to emulate the processor, which is slow';
    if (service.machine.accel === "kvm") needKvm(service, { host, otherwise });
    const modules = hasOwnRoot(service) ? [...MODULES, ...IMAGE_MODULES] : MODULES;
    const kernel = this.#findKernel(service);
    return {
      program: found,
      architecture,
      image: needImage(service, { ...this.#parts, kernel, modules }),
    };
  }

  prepare({ materials, paths, plan, site }: MachineLaunch<Materials>): PreparedMachine {
    const { architecture, image, program } = materials;
    const { port, service } = site.placement;
    const { machine } = service;
    const files = filesIn(paths);
    const root = rootOf(site);
    const { owner } = site;
    const order = orderFor(site, { channel: "ports", root, data: null, plan });
    writeInitrd(files.initrd, { drivers: image.drivers, order, owner });
    makeFiles(files, owner);
    const options = renderQemu({
      ...machine,
      architecture,
      port,
      kernel: image.kernel,
      initrd: files.initrd,
      image: machine.rootfs,
      exports: root.exports,
      ordersPipe: files.orders,
      statusFile: files.status,
      consoleFile: files.console,
    });
    return { command: [program, ...options], openings: openingsOf(service, { files, image }) };
  }

  connect(paths: LaunchPaths): MachineConnection {
    const files = filesIn(paths);
    const { entry, socket } = paths;
    const readStatus = () => readAgentStatus(files.status);
    return {
      consoleFile: files.console,
      order: orderByPipe(files.orders),
      readStatus,
      socketPath: socket,
      exposeSocket() {
        // QEMU accepts connections from its start, long before the application does.
        if (readStatus().listening) linkSocket(entry, socket);
      },
    };
  }

  #findKernel(service: Service): GuestKernel {
    const path = service.machine.kernel ?? this.#findHostKernel();
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

function makeFiles({ console, orders, status }: Files, owner: number | null): void {
  for (const file of [status, console]) writeFileSync(file, "", { mode: 0o600 });
  makePipes(dirname(orders), [orders]);
  for (const file of [orders, status, console]) giveFile(file, owner);
}

function openingsOf(
  { machine: { accel, rootfs } }: Service,
  { files, image }: { files: Files; image: MachineImage },
) {
  return {
    read: [...[image.kernel, files.initrd, files.orders], ...(rootfs === null ? [] : [rootfs])],
    write: [files.status, files.console],
    options: accel === "kvm" ? ["--device", KVM_DEVICE] : [],
  };
}

function rootOf({ own, paths, placement: { service } }: Site): AgentRoot {
  const { cwd, read, shown } = paths;
  const states = own.states.map(({ inside }) => inside);
  const layer = own.layerDir === null ? [] : [cwd];
  const root = planExports(listHost(shown, isWorthExporting), {
    read: read.filter((path) => !layer.includes(path)),
    write: [...paths.write, ...states, ...layer],
  });
  if (!hasOwnRoot(service)) return root;
  const exports = root.exports.filter(({ kind }) => kind === "write");
  return { kind: "image", device: IMAGE_DEVICE, exports };
}

/** QEMU, an ordinary user, can't export a directory that it may not open; and each export prolongs every start. */
function isWorthExporting(path: string): boolean {
  return (statSync(path).mode & 0o005) === 0o005 && readdirSync(path).length > 0;
}
