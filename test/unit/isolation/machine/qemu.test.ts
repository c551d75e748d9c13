import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync } from "node:fs";
import { freePort } from "../../../../bench/support.ts";
import { type Failure, FailureError } from "../../../../src/core/failure.ts";
import type { MachineSettings } from "../../../../src/core/service.ts";
import type { MachineParts } from "../../../../src/isolation/machine/machine-needs.ts";
import { QemuLevel } from "../../../../src/isolation/machine/qemu.ts";
import { compilePrograms, isUnable, type Programs } from "../../../launcher/programs.ts";
import { serviceWith } from "../../../support/service.ts";
import { MachineWorld } from "./machine-world.ts";

setDefaultTimeout(60_000);

const NO_KVM = { reason: "/dev/kvm is not there", remedy: "load it" };

describe.skipIf(isUnable())("a machine of QEMU", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  function refusal(
    world: MachineWorld,
    { host = {}, guest = {} }: { host?: Partial<MachineParts["host"]>; guest?: object },
  ): Failure {
    const kernel = world.file("vmlinuz", "kernel");
    const settings: MachineSettings = {
      accel: "kvm",
      kernel,
      rootfs: null,
      memoryBytes: 128 * 1024 ** 2,
      vcpus: 1,
    };
    const service = serviceWith({
      argv: ["/bin/true"],
      isolation: "qemu",
      guest: { ...settings, ...guest },
    });
    const found = { which: () => "/bin/true", ...host };
    try {
      world.launch(new QemuLevel(world.parts(found)), service, freePort());
    } catch (error) {
      if (error instanceof FailureError) return error.failure;
      throw error;
    }
    throw new Error("It was not refused");
  }

  test("is refused without hardware for it, and the way to emulate it is named", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, reason } = refusal(world, { host: { findKvmObstacle: () => NO_KVM } });
    expect(reason).toBe('isolation = "qemu" is not available: /dev/kvm is not there');
    expect(hint).toContain('qemu_accel = "tcg"');
  });

  test("is refused without QEMU, with the package that brings it", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, reason } = refusal(world, { host: { which: () => null } });
    expect(reason).toMatch(/qemu-system-\w+ is not installed/);
    expect(hint).toContain("apt-get install qemu-system");
  });

  test("is refused without a kernel", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, reason } = refusal(world, { guest: { kernel: null } });
    expect(reason).toContain("no kernel");
    expect(hint).toContain("linux-image");
  });

  test("is refused a kernel that is not there", () => {
    using world = new MachineWorld(programs.launcher);
    const { reason } = refusal(world, { guest: { kernel: "/nonexistent/vmlinuz" } });
    expect(reason).toContain("there is no kernel at /nonexistent/vmlinuz");
  });

  test("is refused an image that its user could not read", () => {
    using world = new MachineWorld(programs.launcher);
    const rootfs = world.file("root.ext4");
    chmodSync(rootfs, 0o600);
    const { hint, reason } = refusal(world, { guest: { rootfs } });
    expect(reason).toContain("can be read by its owner alone");
    expect(hint).toBe(`chmod o+r ${rootfs}`);
  });
});
