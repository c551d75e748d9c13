// The kernel of a machine: found on the host, with the drivers that belong to it.
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { requireProgram } from "../programs.ts";

export interface GuestKernel {
  readonly path: string;
  /** The directory of its modules; null: all drivers are built in. */
  readonly modules: string | null;
}

export interface KernelModule {
  readonly name: string;
  /** Uncompressed. */
  readonly content: Uint8Array;
}

const BOOT_DIRECTORY = "/boot";
/**
 * Offsets in an x86 kernel (Documentation/arch/x86/boot.rst): of the magic number, and of a number that, plus
 * VERSION_BASE, is the offset of the version.
 */
const HEADER_MAGIC_AT = 0x202;
const VERSION_AT = 0x20e;
const VERSION_BASE = 0x200;
/** That number has 16 bits, and a version is at most a kibibyte long. */
const HEADER_BYTES_MAX = VERSION_BASE + 0x10000 + 1024;

/** The newest kernel of the host with a driver for files that the host exports; null where there is none. */
export function findHostKernel(boot = BOOT_DIRECTORY): GuestKernel | null {
  if (!existsSync(boot)) return null;
  const names = readdirSync(boot).filter((name) => name.startsWith("vmlinuz-"));
  const newestFirst = names.sort((a, b) => compareVersions(b, a));
  const kernels = newestFirst.map((name) => describeKernel(join(boot, name)));
  return kernels.find(({ modules }) => modules !== null && hasModule(modules, "9p")) ?? null;
}

/** Describes the kernel at a path. Its modules are in the system, or beside the kernel as a package lays them out. */
export function describeKernel(path: string): GuestKernel {
  const version = readVersion(path) ?? /^vmlinu[xz]-(.+)$/.exec(basename(realpathSync(path)))?.[1];
  if (version === undefined) return { path, modules: null };
  const roots = [join(dirname(dirname(realpathSync(path)))), "/"];
  const places = roots.flatMap((root) => [
    join(root, "lib/modules", version),
    join(root, "usr/lib/modules", version),
  ]);
  return { path, modules: places.find((place) => existsSync(join(place, "kernel"))) ?? null };
}

/**
 * The wanted modules, each after its dependencies. A module that does not exist is left out: the driver is built
 * in, or its use will fail.
 */
export function loadModules(directory: string, wanted: readonly string[]): KernelModule[] {
  const files = indexModules(directory);
  const loaded = new Map<string, KernelModule>();
  const load = (name: string) => {
    const file = files.get(name);
    if (file === undefined || loaded.has(name)) return;
    const content = decompress(file);
    for (const needed of dependenciesOf(content)) load(needed);
    loaded.set(name, { name, content });
  };
  wanted.forEach(load);
  return [...loaded.values()];
}

function hasModule(directory: string, name: string): boolean {
  if (indexModules(directory).has(name)) return true;
  const builtin = join(directory, "modules.builtin");
  return existsSync(builtin) && readFileSync(builtin, "utf8").includes(`/${name}.ko`);
}

/** Modules by name, in which "-" and "_" are the same. */
function indexModules(directory: string): ReadonlyMap<string, string> {
  const names = [...new Bun.Glob("**/*").scanSync(join(directory, "kernel"))];
  const modules = names.filter((name) => /\.ko(\.\w+)?$/.test(name));
  return new Map(modules.map((name) => [moduleName(name), join(directory, "kernel", name)]));
}

function moduleName(file: string): string {
  return basename(file)
    .replace(/\.ko.*$/, "")
    .replaceAll("-", "_");
}

function decompress(file: string): Uint8Array {
  const content = readFileSync(file);
  if (file.endsWith(".gz")) return gunzipSync(content);
  if (file.endsWith(".zst")) return zstdDecompressSync(content);
  if (!file.endsWith(".xz")) return content;
  const { exitCode, stdout, stderr } = Bun.spawnSync([requireProgram("xz"), "-dc", file]);
  if (exitCode !== 0) throw new Error(`xz can't read ${file}: ${stderr}`);
  return stdout;
}

/** Parses the text "depends=a,b", which every module has between zero bytes. */
function dependenciesOf(content: Uint8Array): string[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const at = bytes.indexOf("\0depends=");
  if (at < 0) return [];
  const start = at + "\0depends=".length;
  const names = bytes.toString("latin1", start, bytes.indexOf(0, start));
  return names
    .split(",")
    .filter((name) => name !== "")
    .map(moduleName);
}

function readVersion(path: string): string | undefined {
  const bytes = readBeginning(path);
  if (bytes.toString("latin1", HEADER_MAGIC_AT, HEADER_MAGIC_AT + 4) !== "HdrS") return undefined;
  const at = bytes.readUInt16LE(VERSION_AT) + VERSION_BASE;
  return bytes.toString("latin1", at, bytes.indexOf(0, at)).split(" ")[0];
}

function readBeginning(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(HEADER_BYTES_MAX);
    return bytes.subarray(0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
