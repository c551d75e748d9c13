import { expect, test } from "bun:test";
import { examineMachines } from "../../../src/doctor/machines.ts";
import { QEMU } from "../../../src/isolation/machine/qemu-command.ts";
import { FakeHost } from "./fake-host.ts";

const programs = [...Object.values(QEMU).map(({ program }) => program), "firecracker", "mke2fs"];

test("is ok on a host with everything that machines need", () => {
  const host = new FakeHost({}, { programs, guestKernel: "/boot/vmlinuz-6.1" });
  expect(examineMachines(host).map(({ state }) => state)).toEqual(["ok", "ok", "ok", "ok"]);
});

test("without KVM only qemu_accel=kvm and Firecracker are missing", () => {
  const kvmObstacle = { reason: "no device", remedy: "load it" };
  const [kvm] = examineMachines(new FakeHost({}, { kvmObstacle }));
  expect(kvm).toMatchObject({ state: "missing", found: "no device", remedy: "load it" });
  expect(kvm?.blocks).toEqual(["qemu_accel=kvm", "isolation=firecracker"]);
});

test("without QEMU the level is missing; without a kernel there is a warning", () => {
  const [, qemu, kernel] = examineMachines(new FakeHost({}));
  expect(qemu?.blocks).toEqual(["isolation=qemu"]);
  expect(kernel).toMatchObject({ state: "warning", blocks: [] });
});

test("Firecracker also needs mke2fs", () => {
  const found = (names: string[]) => examineMachines(new FakeHost({}, { programs: names }))[3];
  expect(found(["mke2fs"])?.remedy).toContain("releases");
  expect(found(["firecracker"])?.remedy).toBe("apt-get install e2fsprogs");
  expect(found([])?.blocks).toEqual(["isolation=firecracker"]);
});

test("reports nothing on other systems", () => {
  expect(examineMachines(new FakeHost({}, { platform: "darwin" }))).toEqual([]);
});
