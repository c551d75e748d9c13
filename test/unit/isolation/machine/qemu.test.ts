import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync } from "node:fs";
import { freePort } from "../../../../bench/support.ts";
import { type Failure, FailureError } from "../../../../src/core/failure.ts";
import type { MachineSettings } from "../../../../src/core/service.ts";
import type { MachineParts } from "../../../../src/isolation/machine/machine-needs.ts";
import { qemuLevel } from "../../../../src/isolation/machine/qemu.ts";
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
    { host = {}, machine = {} }: { host?: Partial<MachineParts["host"]>; machine?: object },
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
      machine: { ...settings, ...machine },
    });
    const found = { which: () => "/bin/true", ...host };
    try {
      world.launch(qemuLevel(world.parts(found)), service, freePort());
    } catch (error) {
      if (error instanceof FailureError) return error.failure;
      throw error;
    }
    throw new Error("not refused");
  }

  test("is refused without KVM, and emulation is named as the alternative", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, reason } = refusal(world, { host: { findKvmObstacle: () => NO_KVM } });
    expect(reason).toBe('isolation = "qemu" is not available: /dev/kvm is not there');
    expect(hint).toContain('qemu_accel = "tcg"');
  });

  test("is refused without QEMU, with the package to install", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, reason } = refusal(world, { host: { which: () => null } });
    expect(reason).toMatch(/qemu-system-\w+ is not installed/);
    expect(hint).toContain("apt-get install qemu-system");
  });

  test("is refused without a kernel", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, reason } = refusal(world, { machine: { kernel: null } });
    expect(reason).toContain("no kernel");
    expect(hint).toContain("linux-image");
  });

  test("is refused with a kernel that does not exist", () => {
    using world = new MachineWorld(programs.launcher);
    const { reason } = refusal(world, { machine: { kernel: "/nonexistent/vmlinuz" } });
    expect(reason).toContain("there is no kernel at /nonexistent/vmlinuz");
  });

  test("is refused with an image that the instance's user can't read", () => {
    using world = new MachineWorld(programs.launcher);
    const rootfs = world.file("root.ext4");
    chmodSync(rootfs, 0o600);
    const { hint, reason } = refusal(world, { machine: { rootfs } });
    expect(reason).toContain("can be read by its owner alone");
    expect(hint).toBe(`chmod o+r ${rootfs}`);
  });
});
