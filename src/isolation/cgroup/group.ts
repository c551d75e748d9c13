// The control groups of one launch, one in each hierarchy: joined, asked for out-of-memory kills, removed.
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { codeOf, readText } from "../../platform/files.ts";
import { signalProcess } from "../../platform/process/signal.ts";
import type { Limit } from "./cgroup-limits.ts";

const RETRY_MIN_MS = 1;
const RETRY_MAX_MS = 200;
/** Some ten seconds: a process that outlives them hangs in the kernel. */
const RETRIES_MAX = 60;
/** Files of the two versions: all memory of a group, and its caches, which the kernel would drop first. */
const MEMORY_FILES = [
  { total: "memory.current", caches: /^inactive_file (\d+)$/m },
  { total: "memory.usage_in_bytes", caches: /^total_inactive_file (\d+)$/m },
] as const;

export class ControlGroup {
  readonly #directories: readonly { readonly path: string; readonly inode: number }[];

  /** @param directories none where this host has no control groups */
  constructor(directories: readonly string[]) {
    this.#directories = directories.map((path) => ({ path, inode: statSync(path).ino }));
  }

  /** The group of version 2, which a process can be born into; null: there is none. */
  get birthplace(): string | null {
    return this.#directories.find(({ path }) => isOfVersion2(path))?.path ?? null;
  }

  /**
   * Orders the launcher to join the groups of version 1 before anything else: to move a process between groups, the
   * kernel waits until no other process forks, which takes some 10 ms.
   */
  get launcherOptions(): readonly string[] {
    const others = this.#directories.filter(({ path }) => !isOfVersion2(path));
    return others.flatMap(({ path }) => ["--cgroup", path]);
  }

  /** Moves a process of the server's own into the groups of version 1; one that has ended stays where it is. */
  async admit(pid: number): Promise<void> {
    const others = this.#present.filter((path) => !isOfVersion2(path));
    const written = others.map((path) => appendFile(join(path, "cgroup.procs"), String(pid)));
    await Promise.allSettled(written);
  }

  /** Null: no process was killed for lack of memory. `limitBytes` is null where the host's memory was exhausted. */
  outOfMemory(): { readonly limitBytes: number | null } | null {
    const kills = (directory: string, file: string) =>
      Number(/^oom_kill (\d+)$/m.exec(read(join(directory, file)))?.[1] ?? 0);
    const directory = this.#present.find(
      (each) => kills(each, "memory.events") + kills(each, "memory.oom_control") > 0,
    );
    if (directory === undefined) return null;
    const limit =
      read(join(directory, "memory.max")) || read(join(directory, "memory.limit_in_bytes"));
    // "max", or in version 1 the largest multiple of a page.
    const bytes = Number(limit);
    return { limitBytes: Number.isSafeInteger(bytes) ? bytes : null };
  }

  /** The memory of all its processes, without idle caches of files; null: no group counts it. */
  memoryBytes(): number | null {
    for (const directory of this.#present) {
      for (const { caches, total } of MEMORY_FILES) {
        const bytes = read(join(directory, total));
        if (bytes === "") continue;
        const idle = Number(caches.exec(read(join(directory, "memory.stat")))?.[1] ?? 0);
        return Math.max(0, Number(bytes) - idle);
      }
    }
    return null;
  }

  /** Kills every process in the groups, whatever it has done to hide. */
  kill(): void {
    for (const directory of this.#present) {
      if (existsSync(join(directory, "cgroup.kill"))) write(join(directory, "cgroup.kill"), "1");
      else for (const pid of membersOf(directory)) signalProcess(pid, "SIGKILL");
    }
  }

  /** Kills the remaining processes and removes the groups. Rejects when that takes too long. */
  async dissolve(): Promise<void> {
    let pauseMs = RETRY_MIN_MS;
    for (let retries = 0; !this.remove(); retries++) {
      if (retries === RETRIES_MAX) throw new Error(`Cannot remove ${this.#present.join(", ")}`);
      this.kill();
      await delay(pauseMs);
      pauseMs = Math.min(2 * pauseMs, RETRY_MAX_MS);
    }
  }

  /** False: a process is still in one of the groups. */
  remove(): boolean {
    return this.#present.map(removeDirectory).every((isGone) => isGone);
  }

  /** The directories that still belong to this launch: a later one may have made groups of the same names. */
  get #present(): readonly string[] {
    return this.#directories
      .filter(({ path, inode }) => statSync(path, { throwIfNoEntry: false })?.ino === inode)
      .map(({ path }) => path);
  }
}

function isOfVersion2(directory: string): boolean {
  return existsSync(join(directory, "cgroup.controllers"));
}

/** Makes a group without the counters of an earlier one. Throws where it can't be made. */
export function makeGroup(directory: string): void {
  if (existsSync(directory)) rmdirSync(directory);
  mkdirSync(directory);
}

/** Sets a limit of a group; null, or the reason why it can't be set. */
export function applyLimit(directory: string, { files }: Limit): string | null {
  const outcomes = files.map(({ isRequired, name, value }) => {
    const code = write(join(directory, name), value);
    return { isRequired, failure: code && `${join(directory, name)} can not be set (${code})` };
  });
  const isApplied = outcomes.some(({ failure }) => failure === null);
  const [failed] = outcomes.filter(({ failure, isRequired }) => isRequired && failure !== null);
  return failed?.failure ?? (isApplied ? null : (outcomes[0]?.failure ?? null));
}

/** Null, or the error's code. Never makes a file. Some files, such as cgroup.kill, can be written but not read. */
export function write(path: string, value: string): string | null {
  let file: number | null = null;
  try {
    file = openSync(path, constants.O_WRONLY);
    writeFileSync(file, value);
    return null;
  } catch (error) {
    return codeOf(error) ?? String(error);
  } finally {
    if (file !== null) closeSync(file);
  }
}

/** True when the directory is removed; false while a process is in the group. */
export function removeDirectory(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  }
}

function membersOf(directory: string): number[] {
  return read(join(directory, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
}

/** A file's text, trimmed; empty when it can't be read. */
export function read(path: string): string {
  return readText(path)?.trim() ?? "";
}
