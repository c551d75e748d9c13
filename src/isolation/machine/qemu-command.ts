// QEMU's command line for one machine: only the devices that it needs, and no network but the entry.
import type { Accelerator } from "../../core/service.ts";
import type { Export } from "./agent-order.ts";

export interface Machine {
  readonly architecture: MachineArchitecture;
  readonly accel: Accelerator;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly kernel: string;
  readonly initrd: string;
  /** A raw image of the root file system; null: none. */
  readonly image: string | null;
  readonly exports: readonly Export[];
  /** A port of the loopback interface behind the walls, which leads to the relay in the machine. */
  readonly port: number;
  /** The named pipe from which the agent reads orders. */
  readonly ordersPipe: string;
  /** A file that the agent appends its lines to. */
  readonly statusFile: string;
  /** A file for the kernel's messages. */
  readonly consoleFile: string;
}

export type MachineArchitecture = "x64" | "arm64";

export const QEMU: Readonly<
  Record<
    MachineArchitecture,
    { program: string; debianPackage: string; machine: string; console: string }
  >
> = {
  x64: {
    program: "qemu-system-x86_64",
    debianPackage: "qemu-system-x86",
    machine: "q35",
    console: "ttyS0",
  },
  arm64: {
    program: "qemu-system-aarch64",
    debianPackage: "qemu-system-arm",
    machine: "virt",
    console: "ttyAMA0",
  },
};

/** The relay in the machine listens there (native/guest/entry.h), so all other ports are the application's. */
const RELAY_PORT = 1;
/** The address of the only machine in QEMU's user-mode network. */
const MACHINE_ADDRESS = "10.0.2.15";
/**
 * Of translated code. A larger cache would cost each emulated machine more memory than the time it saves is worth.
 */
const TRANSLATION_CACHE_MB = 32;
const BYTES_PER_MEGABYTE = 1024 ** 2;

/** The arguments without the program. */
export function renderQemu(machine: Machine): readonly string[] {
  const { console, machine: type } = QEMU[machine.architecture];
  const quiet = `console=${console} no_timer_check quiet loglevel=3 panic=-1 reboot=t`;
  return [
    ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
    ...["-M", type, ...renderAccelerator(machine.accel)],
    ...["-smp", String(machine.vcpus)],
    ...["-m", `${Math.floor(machine.memoryBytes / BYTES_PER_MEGABYTE)}M`],
    ...["-kernel", machine.kernel, "-initrd", machine.initrd, "-append", quiet],
    ...["-serial", `file:${machine.consoleFile}`],
    ...renderPorts(machine),
    ...renderNetwork(machine.port),
    ...machine.exports.flatMap(renderExport),
    ...(machine.image === null ? [] : renderImage(machine.image)),
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
  ];
}

function renderAccelerator(accel: Accelerator): readonly string[] {
  if (accel === "kvm") return ["-accel", "kvm", "-cpu", "host"];
  return ["-accel", `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MB}`, "-cpu", "max"];
}

function renderPorts({ ordersPipe, statusFile }: Machine): readonly string[] {
  return [
    ...["-device", "virtio-serial-pci"],
    ...renderPort("output", { kind: "file", options: "path=/dev/stdout" }),
    ...renderPort("error", { kind: "file", options: "path=/dev/stderr" }),
    ...renderPort("status", { kind: "file", options: `append=on,path=${escaped(statusFile)}` }),
    ...renderPort("orders", { kind: "pipe", options: `path=${escaped(ordersPipe)}` }),
  ];
}

function renderPort(name: string, { kind, options }: Backend): readonly string[] {
  return [
    ...["-chardev", `${kind},id=${name},${options}`],
    ...["-device", `virtserialport,chardev=${name},name=ten.${name}`],
  ];
}

interface Backend {
  readonly kind: "file" | "pipe";
  readonly options: string;
}

/** "restrict" keeps the machine from everything else: the host, its networks, the internet. */
function renderNetwork(port: number): readonly string[] {
  const way = `hostfwd=tcp:127.0.0.1:${port}-${MACHINE_ADDRESS}:${RELAY_PORT}`;
  return [
    ...["-netdev", `user,id=net,restrict=on,${way}`],
    ...["-device", "virtio-net-pci,netdev=net,romfile="],
  ];
}

/** Files on different file systems of the host get new inode numbers, so that no two have the same. */
function renderExport({ kind, path, tag }: Export): readonly string[] {
  const access = kind === "write" ? "" : ",readonly=on";
  return [
    ...[
      "-fsdev",
      `local,id=${tag},path=${escaped(path)},security_model=none,multidevs=remap${access}`,
    ],
    ...["-device", `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ];
}

function renderImage(path: string): readonly string[] {
  return [
    ...["-drive", `id=image,if=none,format=raw,readonly=on,file=${escaped(path)}`],
    ...["-device", "virtio-blk-pci,drive=image"],
  ];
}

/** A comma in a value is written twice (qemu(1)). */
function escaped(path: string): string {
  return path.replaceAll(",", ",,");
}
