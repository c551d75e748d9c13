// What virtual machines start from: the kernel where every instance's user can read it, and a first file system with
// our
// agent and the kernel's drivers. Made once for each kernel, and kept below the data directory.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type GuestKernel, loadModules } from "../../platform/kernel/guest-kernel.ts";
import { type ArchiveEntry, renderArchive } from "./cpio.ts";

export interface MachineImage {
  readonly kernel: string;
  /** The first file system, but for the order, which is to come before it. */
  readonly drivers: string;
}

/** A name that no service can have. */
const DIRECTORY = ".guest";
/** Thirty days. Each takes some ten megabytes. */
const UNUSED_MS_MAX = 30 * 24 * 60 * 60 * 1000;

/**
 * Prepares a kernel with the modules that a machine needs, unless that has been done.
 * @param agent the program that becomes the machine's first process
 */
export function prepareImage(
  dataDir: string,
  parts: {
    readonly kernel: GuestKernel;
    readonly modules: readonly string[];
    readonly agent: Uint8Array;
  },
): MachineImage {
  const top = `${dataDir}/${DIRECTORY}`;
  const directory = `${top}/${digest(parts)}`;
  const image = { kernel: `${directory}/kernel`, drivers: `${directory}/drivers` };
  if (existsSync(directory)) {
    const now = new Date();
    utimesSync(directory, now, now);
    return image;
  }
  removeUnused(top);
  const made = `${directory}.new`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true, mode: 0o700 });
  // Some systems keep their kernels to root, who has nothing to hide in them.
  copyFileSync(parts.kernel.path, `${made}/kernel`);
  writeFileSync(`${made}/drivers`, renderArchive(entriesOf(parts)));
  for (const name of ["kernel", "drivers"]) chmodSync(`${made}/${name}`, 0o444);
  renameSync(made, directory);
  return image;
}

/** Those of kernels and agents that were replaced long ago; what may just be starting is never among them. */
function removeUnused(top: string): void {
  if (!existsSync(top)) return;
  for (const name of readdirSync(top)) {
    const unusedMs = Date.now() - statSync(`${top}/${name}`).mtimeMs;
    if (unusedMs > UNUSED_MS_MAX) rmSync(`${top}/${name}`, { recursive: true });
  }
}

interface Parts {
  readonly kernel: GuestKernel;
  readonly modules: readonly string[];
  readonly agent: Uint8Array;
}

/** Another for another version of anything that is in it. */
function digest({ agent, kernel, modules }: Parts): string {
  const { mtimeMs, size } = statSync(kernel.path);
  const facts = [kernel.path, mtimeMs, size, kernel.modules, ...modules, Bun.hash(agent)];
  return Bun.hash(facts.join("\0")).toString(16);
}

function entriesOf({ agent, kernel, modules }: Parts): readonly ArchiveEntry[] {
  const loaded = kernel.modules === null ? [] : loadModules(kernel.modules, modules);
  const drivers = loaded.map(({ content, name }, index) => ({
    // The agent loads them in the order of their names.
    name: `modules/${String(index).padStart(3, "0")}-${name}.ko`,
    kind: "file" as const,
    content,
  }));
  return [
    { name: "init", kind: "program", content: agent },
    { name: "modules", kind: "directory", content: new Uint8Array() },
    ...drivers,
  ];
}
