// Firecracker's configuration of one machine, as `--config-file` reads it (getting-started.md, vsock.md of 1.x).

export interface MicroMachine {
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly kernel: string;
  readonly initrd: string;
  /** In the machine, in this order, /dev/vda, vdb and vdc: root file system, the instance's own, status. */
  readonly disks: { readonly root: string; readonly data: string; readonly status: string };
  /** Firecracker listens there for connections to the machine. */
  readonly vsock: string;
}

/** The names of the disks in the machine. */
export const DISKS = { root: "/dev/vda", data: "/dev/vdb" } as const;

/** The lowest number that vsock leaves to machines. Each machine has a socket of its own, so all can have it. */
const GUEST_CID = 3;
/** The console carries the application's output, so the kernel is silent until it panics. */
const BOOT_ARGS = "console=ttyS0 reboot=k panic=-1 pci=off quiet loglevel=0";
const BYTES_PER_MEBIBYTE = 1024 ** 2;

export function renderFirecracker(machine: MicroMachine): string {
  const { disks } = machine;
  const config = {
    "boot-source": {
      kernel_image_path: machine.kernel,
      initrd_path: machine.initrd,
      boot_args: BOOT_ARGS,
    },
    // None is the root device: the agent mounts them from the first file system.
    drives: [
      renderDisk("root", { path: disks.root, isReadOnly: true }),
      renderDisk("data", { path: disks.data, isReadOnly: false }),
      renderDisk("status", { path: disks.status, isReadOnly: false }),
    ],
    "machine-config": {
      vcpu_count: machine.vcpus,
      mem_size_mib: Math.floor(machine.memoryBytes / BYTES_PER_MEBIBYTE),
    },
    vsock: { guest_cid: GUEST_CID, uds_path: machine.vsock },
  };
  return JSON.stringify(config, null, 2);
}

function renderDisk(id: string, { isReadOnly, path }: { isReadOnly: boolean; path: string }) {
  return { drive_id: id, path_on_host: path, is_root_device: false, is_read_only: isReadOnly };
}
