import { expect, test } from "bun:test";
import { type Machine, renderQemu } from "../../../../src/isolation/machine/qemu-command.ts";

const MACHINE: Machine = {
  architecture: "x64",
  accel: "tcg",
  memoryBytes: 128 * 1024 ** 2,
  vcpus: 2,
  kernel: "/machine/kernel",
  initrd: "/launch/initrd",
  image: null,
  exports: [
    { tag: "ten0", path: "/usr", kind: "system" },
    { tag: "ten1", path: "/data/a,b", kind: "write" },
  ],
  port: 30_001,
  ordersPipe: "/launch/orders",
  statusFile: "/launch/status",
  consoleFile: "/launch/console",
};

function valuesOf(name: string, machine = MACHINE): string[] {
  const argv = renderQemu(machine);
  return argv.filter((_, index) => argv[index - 1] === name);
}

test("the network has only the entry", () => {
  expect(valuesOf("-netdev")).toEqual([
    "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:30001-10.0.2.15:1",
  ]);
});

test("only writable directories are exported for writing, and commas in paths are escaped", () => {
  expect(valuesOf("-fsdev")).toEqual([
    "local,id=ten0,path=/usr,security_model=none,multidevs=remap,readonly=on",
    "local,id=ten1,path=/data/a,,b,security_model=none,multidevs=remap",
  ]);
});

test("QEMU may start no program and gain no privilege", () => {
  expect(valuesOf("-sandbox")).toEqual([
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
  ]);
});

test("a machine has its memory, its processors, and KVM where it is configured", () => {
  expect(valuesOf("-m")).toEqual(["128M"]);
  expect(valuesOf("-smp")).toEqual(["2"]);
  expect(valuesOf("-accel", { ...MACHINE, accel: "kvm" })).toEqual(["kvm"]);
  expect(valuesOf("-cpu", { ...MACHINE, accel: "kvm" })).toEqual(["host"]);
});

test("an image is read-only, since other machines use it too", () => {
  expect(valuesOf("-drive", { ...MACHINE, image: "/images/root" })).toEqual([
    "id=image,if=none,format=raw,readonly=on,file=/images/root",
  ]);
});

test("another architecture has another machine type and console", () => {
  expect(valuesOf("-M", { ...MACHINE, architecture: "arm64" })).toEqual(["virt"]);
  expect(valuesOf("-append", { ...MACHINE, architecture: "arm64" })[0]).toContain("ttyAMA0");
});
