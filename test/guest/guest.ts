// A small virtual machine, emulated by QEMU: boots a disk, and yields its console line by line.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMissing, type Tool } from "../support/tool.ts";
import { type GuestKernel, guestKernel } from "./kernel.ts";

export interface GuestOptions {
  /** An ext4 file system without partitions; what the guest writes to it is thrown away. */
  readonly disk: string;
  /** The first program, on that disk. */
  readonly init?: string;
  readonly memoryMegabytes?: number;
  /** Further kernel parameters. */
  readonly kernelOptions?: readonly string[];
}

export interface Guest extends AsyncDisposable {
  /** The lines of the console; they end with the guest. */
  readonly lines: AsyncIterable<string>;
}

export interface Check {
  readonly name: string;
  readonly passed: boolean;
}

const TOOLS: readonly Tool[] = [
  { program: "qemu-system-x86_64", debianPackage: "qemu-system-x86" },
  { program: "busybox", debianPackage: "busybox-static" },
  { program: "cpio", debianPackage: "cpio" },
  { program: "mke2fs", debianPackage: "e2fsprogs" },
  { program: "apt-get", debianPackage: "apt" },
  { program: "dpkg-deb", debianPackage: "dpkg" },
];
const DISK_MODULES = ["virtio_pci", "virtio_blk"];
const MACHINE = [
  ...["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"],
  ...["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"],
];

/** For `test.skipIf`: true, and printed, where no guest can be started; an error with TEN_TEST_REQUIRE_ALL=1. */
export function isGuestMissing(): boolean {
  if (process.platform !== "linux" || process.arch !== "x64") return true;
  if (TOOLS.map(isMissing).includes(true)) return true;
  try {
    guestKernel();
    return false;
  } catch (error) {
    if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw error;
    console.warn(`skipped tests: no kernel for a guest: ${(error as Error).message}`);
    return true;
  }
}

/** Starts a guest; disposing of it ends it. */
export function bootGuest(options: GuestOptions): Guest {
  const { disk, init = "/init", kernelOptions = [], memoryMegabytes = 1024 } = options;
  const folder = mkdtempSync(join(tmpdir(), "ten-boot-"));
  const kernel = guestKernel();
  const words = [
    "console=ttyS0",
    "no_timer_check",
    "quiet",
    "loglevel=3",
    // Emulated mitigations double the time that a server takes to start.
    "mitigations=off",
    "reboot=t",
    "panic=-1",
    ...kernelOptions,
  ];
  const qemu = Bun.spawn(
    [
      ...["qemu-system-x86_64", ...MACHINE, "-m", String(memoryMegabytes)],
      ...["-kernel", kernel.image, "-initrd", makeInitrd(folder, { kernel, init })],
      ...["-drive", `file=${disk},format=raw,if=none,id=disk,snapshot=on`],
      ...["-device", "virtio-blk-pci,drive=disk", "-append", words.join(" ")],
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, TMPDIR: folder } },
  );
  return {
    lines: linesOf(qemu.stdout),
    async [Symbol.asyncDispose]() {
      qemu.kill("SIGKILL");
      await qemu.exited;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Reads the console to its end: lines such as "ok - NAME" and "not ok - NAME" are checks. */
export async function readChecks(guest: Guest): Promise<{ checks: Check[]; console: string }> {
  const checks: Check[] = [];
  const console: string[] = [];
  for await (const line of guest.lines) {
    console.push(line);
    const [, not, name] = /^(not )?ok [\d ]*- (.+?)(?: \[[\d.]+m?s\])?$/.exec(line) ?? [];
    if (name !== undefined) checks.push({ name, passed: not === undefined });
  }
  return { checks, console: console.join("\n") };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r*\n/);
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** Makes the initial file system, with the drivers of the disk. */
function makeInitrd(
  folder: string,
  { kernel, init }: { kernel: GuestKernel; init: string },
): string {
  const tree = join(folder, "initrd");
  for (const name of ["bin", "dev", "modules", "root"])
    mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "/bin/busybox", join(tree, "bin/busybox"));
  const modules = [...new Set(DISK_MODULES.flatMap((name) => withDependencies(kernel, name)))];
  for (const name of modules)
    copyFileSync(kernel.modules.get(name) ?? "", join(tree, "modules", name));
  const script = [
    "#!/bin/busybox sh",
    "/bin/busybox mount -t devtmpfs dev /dev",
    ...modules.map((name) => `/bin/busybox insmod /modules/${name}`),
    "/bin/busybox mount -t ext4 /dev/vda /root",
    `exec /bin/busybox switch_root /root ${init}`,
  ];
  writeFileSync(join(tree, "init"), script.join("\n"), { mode: 0o755 });
  const archive = join(folder, "initrd.cpio");
  const packed = Bun.spawnSync(["sh", "-c", `find . | cpio -o -H newc --quiet > ${archive}`], {
    cwd: tree,
  });
  if (packed.exitCode !== 0) throw new Error(`cpio: ${packed.stderr.toString().trim()}`);
  return archive;
}

/** The modules to load for one, in order; a module names what it depends on. */
function withDependencies(kernel: GuestKernel, name: string): string[] {
  const path = kernel.modules.get(name);
  if (path === undefined) return []; // part of the kernel itself
  const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(path, "latin1"))?.[1] ?? "";
  const names = depends.split(",").filter((each) => each !== "");
  return [...names.flatMap((each) => withDependencies(kernel, each.replaceAll("-", "_"))), name];
}
