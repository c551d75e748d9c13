// The level "firecracker": a virtual machine with a kernel and an image of the operator's, run by Firecracker as the
// instance's
// user behind the walls of the level "namespace". The only way in is the machine's vsock; its data are an image, too.
import { chownSync, existsSync, renameSync, writeFileSync } from "node:fs";
import { instanceDirOf } from "../../core/instance-paths.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import type { ChildRef } from "../../core/life/instance.ts";
import type { Service } from "../../core/service.ts";
import { KVM_DEVICE } from "../../platform/kernel/kvm.ts";
import { makeOwnDirectory } from "../../platform/owner.ts";
import { type Enclosure, type Level, levelMissing, type Placement } from "../level.ts";
import { linkSocket } from "../walls/namespace.ts";
import { followMachine, readAgentStatus } from "./agent-status.ts";
import { DISKS, renderFirecracker } from "./firecracker-config.ts";
import { checkReadable, cleanEnv, orderFor, outerPlan, writeInitrd } from "./machine-launch.ts";
import { type MachineParts, needImage, needKernel, needKvm, needProgram } from "./machine-needs.ts";
import { sendLine } from "./vsock.ts";

export interface FirecrackerParts extends MachineParts {
  /** What Firecracker is shown to run machines with. */
  readonly device?: string;
}

/** For a kernel that has them as modules; most that are made for Firecracker have all built in. */
const MODULES = [
  "virtio_mmio",
  "virtio_blk",
  "vmw_vsock_virtio_transport",
  "crc32c_generic",
  "ext4",
  "squashfs",
  "overlay",
] as const;
/** Of Firecracker beside one for each processor. */
const THREADS = 4;
/** Of a vsock: where the agent takes orders (native/guest/channel.h). */
const ORDER_PORT = 2;
/** A disk has whole sectors; the agent's line fits into the first. */
const STATUS_BYTES = 4096;
/** Of the instance's own file system where no quota says how large it is; it takes only what is written. */
const DATA_BYTES_DEFAULT = 1024 ** 3;
const WHERE_TO_GET_IT =
  "install it from https://github.com/firecracker-microvm/firecracker/releases";

/** Files of one launch. */
interface Files {
  readonly config: string;
  readonly initrd: string;
  /** The disk of one line. */
  readonly status: string;
  /** Of the instance's user: Firecracker makes its socket there. */
  readonly directory: string;
  readonly vsock: string;
  /** The same socket, once the server has seen that it is one. */
  readonly orders: string;
}

function filesIn(top: string): Files {
  return {
    config: `${top}/machine.json`,
    initrd: `${top}/initrd`,
    status: `${top}/guest-status`,
    directory: `${top}/vm`,
    vsock: `${top}/vm/vsock`,
    orders: `${top}/orders`,
  };
}

export class FirecrackerLevel implements Level {
  readonly #parts: FirecrackerParts;

  constructor(parts: FirecrackerParts) {
    this.#parts = parts;
  }

  enclose(placement: Placement, plan: LaunchPlan): Enclosure {
    const { walls } = this.#parts;
    const { service } = placement;
    const { drivers, kernel, makeFileSystem, program, rootfs } = this.#collect(service);
    checkReadable(rootfs, placement);
    const outer = outerPlan(service, { plan, program });
    const site = walls.prepare(placement, outer, THREADS + service.guest.vcpus);
    const files = filesIn(walls.pathsOf(placement).top);
    const { owner } = site;
    const root = { kind: "image", device: DISKS.root, exports: [] } as const;
    const data = { device: DISKS.data, path: plan.instanceDir };
    const order = orderFor(site, { channel: "vsock", root, data, plan });
    writeInitrd(files.initrd, { drivers, order, owner });
    const disk = this.#openData(placement, { owner, makeFileSystem });
    const disks = { root: rootfs, data: disk, status: files.status };
    const { initrd, vsock } = files;
    makeFiles(files, {
      owner,
      config: renderFirecracker({ ...service.guest, kernel, initrd, disks, vsock }),
    });
    const walled = walls.surround(site, {
      read: [kernel, files.initrd, files.config, rootfs],
      write: [files.status, files.directory],
      options: ["--vsock", files.vsock, "--device", this.#parts.device ?? KVM_DEVICE],
    });
    const command = [program, "--no-api", "--level", "Error", "--config-file", files.config];
    return {
      ...this.#machine(placement, walled),
      wrap: () => walled.wrap([...cleanEnv(plan), ...command]),
    };
  }

  recover(placement: Placement, child: ChildRef): Enclosure | null {
    const walled = this.#parts.walls.recover(placement, child);
    return walled === null ? null : this.#machine(placement, walled);
  }

  /** A launch behind walls as one of a machine. The launcher's socket listens once the application does. */
  #machine(placement: Placement, walled: Enclosure): Enclosure {
    const { entry, top } = this.#parts.walls.pathsOf(placement);
    const files = filesIn(top);
    const order = (signal: number) => {
      linkSocket(files.vsock, files.orders);
      return sendLine(files.orders, { port: ORDER_PORT, line: `signal ${signal}` });
    };
    const readStatus = () => readAgentStatus(files.status);
    return {
      ...walled,
      socketPath: entry,
      endpoints: [{ kind: "unix", path: entry }],
      follow: (child) =>
        followMachine(walled.follow(child), { order, readStatus, consoleFile: null }),
      exposeSocket: () => undefined,
    };
  }

  #collect(service: Service) {
    const { host } = this.#parts;
    const { kernel, rootfs } = service.guest;
    if (kernel === null || rootfs === null) {
      const remedy = `set kernel and rootfs in [service.${service.name}]`;
      throw levelMissing(service, { reason: "no kernel or no image is set", remedy });
    }
    const program = needProgram(service, { host, program: "firecracker", remedy: WHERE_TO_GET_IT });
    const otherwise = 'set isolation = "qemu" and qemu_accel = "tcg" to emulate the processor';
    needKvm(service, { host, otherwise });
    const remedy = "apt-get install e2fsprogs";
    const makeFileSystem = needProgram(service, { host, program: "mke2fs", remedy });
    const described = needKernel(service, kernel);
    const image = needImage(service, { ...this.#parts, kernel: described, modules: MODULES });
    return { program, makeFileSystem, rootfs, ...image };
  }

  /** The disk of the instance's own files, made at its first start. */
  #openData(
    { ref, service }: Placement,
    { owner, makeFileSystem }: { owner: number | null; makeFileSystem: string },
  ): string {
    const disk = `${instanceDirOf({ ref, dataDir: this.#parts.dataDir })}/data.ext4`;
    if (existsSync(disk)) return disk;
    const kilobytes = Math.ceil((service.storageQuotaBytes ?? DATA_BYTES_DEFAULT) / 1024);
    const made = `${disk}.new`;
    const { exitCode, stderr } = Bun.spawnSync(
      [makeFileSystem, "-q", "-F", "-t", "ext4", "-m", "0", made, `${kilobytes}k`],
      { stdin: "ignore", stdout: "ignore" },
    );
    if (exitCode !== 0) throw new Error(`mke2fs can't make ${disk}: ${stderr.toString().trim()}`);
    if (owner !== null) chownSync(made, owner, owner);
    renameSync(made, disk);
    return disk;
  }
}

function makeFiles(
  { config: path, directory, status }: Files,
  { config, owner }: { config: string; owner: number | null },
): void {
  makeOwnDirectory(directory, owner);
  writeFileSync(status, new Uint8Array(STATUS_BYTES), { mode: 0o600 });
  writeFileSync(path, config, { mode: 0o600 });
  if (owner !== null) for (const file of [status, path]) chownSync(file, owner, owner);
}
