// Images that machines start from: a kernel, and a first file system with the agent and the kernel's drivers.
// Made once for each kernel, below the data directory, where every instance's user can read them.
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
  /** The archive of the first file system, without the order, which comes before it. */
  readonly drivers: string;
}

/** Below the data directory; no service can have this name. Older servers use the same one. */
const DIRECTORY = ".guest";
/** Thirty days. Each image takes some ten megabytes. */
const UNUSED_MS_MAX = 30 * 24 * 60 * 60 * 1000;

/**
 * Makes the image of a kernel with the modules that a machine needs, or finds it.
 * @param agent the program of the machine's first process
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
  // On some systems only root can read the kernels, though they hold no secrets.
  copyFileSync(parts.kernel.path, `${made}/kernel`);
  writeFileSync(`${made}/drivers`, renderArchive(entriesOf(parts)));
  for (const name of ["kernel", "drivers"]) chmodSync(`${made}/${name}`, 0o444);
  renameSync(made, directory);
  return image;
}

/** Removes images of kernels and agents that were replaced long ago, never one that a machine may just start from. */
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

/** Differs when any part of the image differs. */
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
