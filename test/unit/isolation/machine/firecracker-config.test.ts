import { expect, test } from "bun:test";
import { renderFirecracker } from "../../../../src/isolation/machine/firecracker-config.ts";

test("the configuration has the disks in the order that the agent expects", () => {
  const text = renderFirecracker({
    memoryBytes: 256 * 1024 ** 2,
    vcpus: 2,
    kernel: "/machine/kernel",
    initrd: "/launch/initrd",
    disks: { root: "/images/root", data: "/data/data.ext4", status: "/launch/status" },
    vsock: "/launch/vm/vsock",
  });
  const disk = (drive_id: string, path_on_host: string, is_read_only: boolean) => ({
    drive_id,
    path_on_host,
    is_root_device: false,
    is_read_only,
  });
  expect(JSON.parse(text)).toEqual({
    "boot-source": {
      kernel_image_path: "/machine/kernel",
      initrd_path: "/launch/initrd",
      boot_args: "console=ttyS0 reboot=k panic=-1 pci=off quiet loglevel=0",
    },
    drives: [
      disk("root", "/images/root", true),
      disk("data", "/data/data.ext4", false),
      disk("status", "/launch/status", false),
    ],
    "machine-config": { vcpu_count: 2, mem_size_mib: 256 },
    vsock: { guest_cid: 3, uds_path: "/launch/vm/vsock" },
  });
});
