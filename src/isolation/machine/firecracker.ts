// The level "firecracker": machines with a kernel and an image of the operator's, whose only entry is a vsock.
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { FailureError, startFailure } from "../../core/failure.ts";
import { instanceDirOf } from "../../core/instance-paths.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";
import { KVM_DEVICE } from "../../platform/kernel/kvm.ts";
import { giveFile, makeOwnDirectory } from "../../platform/owner.ts";
import { runHelper } from "../../platform/process/helper.ts";
import { describeExcess } from "../../platform/unix-socket.ts";
import type { LaunchPaths } from "../launcher/launcher-directory.ts";
import { type Level, levelMissing, type Placement } from "../level.ts";
import { linkSocket } from "../walls/socket-link.ts";
import { readAgentStatus } from "./agent-status.ts";
import { DISKS, renderFirecracker } from "./firecracker-config.ts";
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
import { sendLine } from "./vsock.ts";

export interface FirecrackerParts extends MachineParts {
  /** The device for running machines. */
  readonly device?: string;
}

/** For a kernel with these drivers as modules; most kernels for Firecracker have all built in. */
const MODULES = [
  "virtio_mmio",
  "virtio_blk",
  "vmw_vsock_virtio_transport",
  "crc32c_generic",
  "ext4",
  "squashfs",
  "overlay",
] as const;
/** Of Firecracker itself, beside one for each processor. */
const THREADS = 4;
/** The vsock port at which the agent takes orders (native/guest/channel.h). */
const ORDER_PORT = 2;
/** A disk has whole sectors; the agent's line fits into the first. */
const STATUS_BYTES = 4096;
/** The size of the instance's own file system without a quota; only written blocks take space. */
const DATA_BYTES_DEFAULT = 1024 ** 3;
/** For a large disk on a slow one; the launch waits for it. */
const MAKE_DISK_MS_MAX = 10 * 60_000;
const WHERE_TO_GET_IT =
  "install it from https://github.com/firecracker-microvm/firecracker/releases";

interface Materials extends MachineImage {
  readonly program: string;
  readonly rootfs: string;
}

/** Files of one launch. */
interface Files {
  readonly config: string;
  readonly initrd: string;
  /** A disk for the agent's line. */
  readonly status: string;
  /** A directory of the instance's user, in which Firecracker makes its socket. */
  readonly directory: string;
  readonly vsock: string;
  /** The same socket, once the server has checked its type. */
  readonly orders: string;
}

/** The next version of the server finds a running machine by these names. */
function filesIn({ top }: LaunchPaths): Files {
  return {
    config: `${top}/machine.json`,
    initrd: `${top}/initrd`,
    status: `${top}/guest-status`,
    directory: `${top}/vm`,
    vsock: `${top}/vm/vsock`,
    orders: `${top}/orders`,
  };
}

export function firecrackerLevel(parts: FirecrackerParts): Level {
  return new MachineLevel(parts.walls, new Firecracker(parts));
}

class Firecracker implements Hypervisor<Materials> {
  readonly threads = THREADS;
  readonly #parts: FirecrackerParts;

  constructor(parts: FirecrackerParts) {
    this.#parts = parts;
  }

  collect(service: Service): Materials {
    const { host } = this.#parts;
    const { kernel, rootfs } = service.machine;
    if (kernel === null || rootfs === null) {
      const remedy = `set kernel and rootfs in [service.${service.name}]`;
      throw levelMissing(service, { reason: "no kernel or no image is set", remedy });
    }
    const program = needProgram(service, { host, program: "firecracker", remedy: WHERE_TO_GET_IT });
    const otherwise = 'set isolation = "qemu" and qemu_accel = "tcg" to emulate the processor';
    needKvm(service, { host, otherwise });
    const described = needKernel(service, kernel);
    const image = needImage(service, { ...this.#parts, kernel: described, modules: MODULES });
    return { program, rootfs, ...image };
  }

  prepare({ materials, paths, plan, site }: MachineLaunch<Materials>): PreparedMachine {
    const { drivers, kernel, program, rootfs } = materials;
    const { owner, placement } = site;
    const files = filesIn(paths);
    const { config, directory, initrd, status, vsock } = files;
    refuseLong(vsock);
    const root = { kind: "image", device: DISKS.root, exports: [] } as const;
    const data = { device: DISKS.data, path: plan.instanceDir };
    const order = orderFor(site, { channel: "vsock", root, data, plan });
    writeInitrd(initrd, { drivers, order, owner });
    const disk = this.#openData(placement.ref, owner);
    const disks = { root: rootfs, data: disk, status };
    const { machine } = placement.service;
    const content = renderFirecracker({ ...machine, kernel, initrd, disks, vsock });
    makeFiles(files, { owner, config: content });
    return {
      command: [program, "--no-api", "--level", "Error", "--config-file", config],
      openings: {
        read: [kernel, initrd, config, rootfs],
        write: [status, directory],
        options: ["--vsock", vsock, "--device", this.#parts.device ?? KVM_DEVICE],
      },
    };
  }

  connect(paths: LaunchPaths): MachineConnection {
    const { orders, status, vsock } = filesIn(paths);
    return {
      consoleFile: null,
      order(signal) {
        linkSocket(vsock, orders);
        return sendLine(orders, { port: ORDER_PORT, line: `signal ${signal}` });
      },
      readStatus: () => readAgentStatus(status),
      // The launcher listens there once the application does.
      socketPath: paths.entry,
      exposeSocket: () => undefined,
    };
  }

  makeDisk({ ref, service }: Pick<Placement, "ref" | "service">): Promise<void> | null {
    const { disk, draft } = this.#dataOf(ref);
    return existsSync(disk) ? null : this.#makeDraft(service, draft);
  }

  async #makeDraft(service: Service, draft: string): Promise<void> {
    // No disk for a launch that would be refused.
    this.collect(service);
    const { host } = this.#parts;
    const remedy = "apt-get install e2fsprogs";
    const program = needProgram(service, { host, program: "mke2fs", remedy });
    const kilobytes = Math.ceil((service.storageQuotaBytes ?? DATA_BYTES_DEFAULT) / 1024);
    await mkdir(dirname(draft), { recursive: true, mode: 0o700 });
    const argv = [program, "-q", "-F", "-t", "ext4", "-m", "0", draft, `${kilobytes}k`];
    const end = await runHelper({ argv, timeoutMs: MAKE_DISK_MS_MAX });
    if (end.kind === "failed") throw new Error(end.reason, { cause: end.cause });
    if (end.exitCode !== 0) throw new Error(`mke2fs can't make ${draft}: ${end.errors.trim()}`);
  }

  /** The disk of the instance's own files; at the first start the one that `makeDisk` has made. */
  #openData(ref: InstanceRef, owner: number | null): string {
    const { disk, draft } = this.#dataOf(ref);
    if (existsSync(disk)) return disk;
    giveFile(draft, owner);
    renameSync(draft, disk);
    return disk;
  }

  #dataOf(ref: InstanceRef): { readonly disk: string; readonly draft: string } {
    const directory = instanceDirOf({ ref, dataDir: this.#parts.dataDir });
    // Beside the instance's directory: in it the instance may have put a link in the way, at another level.
    return { disk: `${directory}/data.ext4`, draft: `${dirname(directory)}/.${ref.id}.new` };
  }
}

function makeFiles(
  { config: path, directory, status }: Files,
  { config, owner }: { config: string; owner: number | null },
): void {
  makeOwnDirectory(directory, owner);
  writeFileSync(status, new Uint8Array(STATUS_BYTES), { mode: 0o600 });
  writeFileSync(path, config, { mode: 0o600 });
  for (const file of [status, path]) giveFile(file, owner);
}

/** Firecracker binds it by its path. Throws START_FAILED. */
function refuseLong(vsock: string): void {
  const excess = describeExcess(vsock);
  if (excess === null) return;
  const hint = "Use a shorter data_dir in [settings], or shorter names";
  throw new FailureError(startFailure(`the machine's socket ${vsock} ${excess}`, hint));
}
