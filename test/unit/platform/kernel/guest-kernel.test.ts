import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import {
  describeKernel,
  findHostKernel,
  loadModules,
} from "../../../../src/platform/kernel/guest-kernel.ts";

const VERSION = "6.1.0-test-amd64";
let root = "";
let modules = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ten-kernel-"));
  modules = join(root, "lib/modules", VERSION);
  mkdirSync(join(modules, "kernel/fs"), { recursive: true });
  mkdirSync(join(root, "boot"));
});
afterEach(() => rmSync(root, { recursive: true }));

function module(depends: string): Uint8Array<ArrayBuffer> {
  return Buffer.from(`\x7fELF…\0license=GPL\0depends=${depends}\0name=x\0`, "latin1");
}

/** The part of a kernel for x86 that holds its version. */
function kernelImage(): Buffer {
  const image = Buffer.alloc(0x400);
  image.write("HdrS", 0x202, "latin1");
  image.writeUInt16LE(0x100, 0x20e);
  image.write(`${VERSION} (somebody) #1 SMP\0`, 0x300, "latin1");
  return image;
}

test("a kernel's modules are found beside it, by the version in its header or in its name", () => {
  const byContent = join(root, "boot/kernel");
  writeFileSync(byContent, kernelImage());
  expect(describeKernel(byContent)).toEqual({ path: byContent, modules });
  const byName = join(root, `boot/vmlinuz-${VERSION}`);
  writeFileSync(byName, "another architecture");
  expect(describeKernel(byName).modules).toBe(modules);
});

test("a kernel without modules needs none", () => {
  const path = join(root, "boot/vmlinux");
  writeFileSync(path, "bare");
  expect(describeKernel(path)).toEqual({ path, modules: null });
});

test("modules come after their dependencies, each once, with any compression", () => {
  writeFileSync(join(modules, "kernel/fs/9p.ko"), module("9pnet,fs-cache"));
  writeFileSync(join(modules, "kernel/9pnet.ko.gz"), gzipSync(module("")));
  writeFileSync(join(modules, "kernel/fs/fs_cache.ko.zst"), zstdCompressSync(module("9pnet")));
  const loaded = loadModules(modules, ["9p", "9pnet", "built_in"]);
  expect(loaded.map(({ name }) => name)).toEqual(["9pnet", "fs_cache", "9p"]);
  expect(loaded[0]?.content).toEqual(module(""));
});

test("the newest of the host's kernels that can mount its files is chosen", () => {
  const install = (version: string, files: Readonly<Record<string, string>>) => {
    writeFileSync(join(root, `boot/vmlinuz-${version}`), "kernel");
    mkdirSync(join(root, `lib/modules/${version}/kernel`), { recursive: true });
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(root, `lib/modules/${version}`, name), text);
  };
  const found = () => findHostKernel(join(root, "boot"))?.path.split("vmlinuz-")[1] ?? null;
  install("6.10.0-cloud", { "kernel/virtio.ko": "" });
  expect(found()).toBeNull();
  install("6.2.0", { "kernel/9p.ko.xz": "" });
  expect(found()).toBe("6.2.0");
  install("6.9.0", { "modules.builtin": "kernel/fs/9p/9p.ko\n" });
  expect(found()).toBe("6.9.0");
  expect(findHostKernel(join(root, "nowhere"))).toBeNull();
});
