import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync } from "node:fs";
import { freePort } from "../../../../bench/support.ts";
import { TenError } from "../../../../src/core/errors.ts";
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
  ): TenError {
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
      if (error instanceof TenError) return error;
      throw error;
    }
    throw new Error("not refused");
  }

  test("is refused without KVM, and emulation is named as the alternative", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, message } = refusal(world, { host: { findKvmObstacle: () => NO_KVM } });
    expect(message).toBe('Cannot isolate "notes" at level "qemu": /dev/kvm is not there');
    expect(hint).toContain('qemu_accel = "tcg"');
  });

  test("is refused without QEMU, with the package to install", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, message } = refusal(world, { host: { which: () => null } });
    expect(message).toMatch(/qemu-system-\w+ is not installed/);
    expect(hint).toContain("apt-get install qemu-system");
  });

  test("is refused without a kernel", () => {
    using world = new MachineWorld(programs.launcher);
    const { hint, message } = refusal(world, { machine: { kernel: null } });
    expect(message).toContain("no kernel");
    expect(hint).toContain("linux-image");
  });

  test("is refused with a kernel that does not exist", () => {
    using world = new MachineWorld(programs.launcher);
    const { message } = refusal(world, { machine: { kernel: "/nonexistent/vmlinuz" } });
    expect(message).toContain("there is no kernel at /nonexistent/vmlinuz");
  });

  test("is refused with an image that the instance's user can't read", () => {
    using world = new MachineWorld(programs.launcher);
    const rootfs = world.file("root.ext4");
    chmodSync(rootfs, 0o600);
    const { hint, message } = refusal(world, { machine: { rootfs } });
    expect(message).toContain("can be read by its owner alone");
    expect(hint).toBe(`chmod o+r ${rootfs}`);
  });
});
