// The disk space that a directory takes.
import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

/** POSIX counts allocation in blocks of this size, whatever the file system's own. */
const BLOCK_BYTES = 512;

/** Entries examined together: enough to keep the disk busy, few enough that the event loop turns in between. */
const SLICE_ENTRIES = 64;

/**
 * The limits of measuring in this process. A tenant may have a directory with millions of entries, as many linked
 * files, or paths longer than a system call takes: a process of its own measures those, with its own memory and
 * time.
 */
const BOUNDS = {
  entries: 100_000,
  /** A directory's own size, known before its entries are read: some 50 000 short names. */
  directoryBytes: 2 * 1024 ** 2,
  linked: 50_000,
  /** A system call takes 4096, less the longest name that may follow. */
  pathChars: 3500,
};
export type MeasureBounds = typeof BOUNDS;

interface Tally {
  readonly bounds: MeasureBounds;
  /** Only this file system is measured, as by `du -x`. */
  readonly device: number;
  /** Inodes with several names, each counted once. */
  readonly linked: Set<number>;
  /** Directories not read yet; depth first, so it holds about one directory's children at a time. */
  readonly pending: string[];
  entries: number;
  bytes: number;
}

class TooLarge extends Error {}

/**
 * Allocated bytes of a directory and everything below it, as `du` counts: holes take nothing, hard links count
 * once, symbolic links are not followed. 0 when there is no such directory. Leaves out files that vanish meanwhile
 * or can't be read.
 */
export async function measureDirectory(directory: string, bounds = BOUNDS): Promise<number> {
  const root = await statusOf(directory);
  if (root === null) return 0;
  try {
    return await measureHere(directory, { root, bounds });
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    return await measureByTool(directory);
  }
}

async function measureHere(
  directory: string,
  { root, bounds }: { root: Stats; bounds: MeasureBounds },
): Promise<number> {
  const empty = { linked: new Set<number>(), pending: [], entries: 0, bytes: 0 };
  const tally: Tally = { ...empty, bounds, device: root.dev };
  add(directory, root, tally);
  for (let next = tally.pending.pop(); next !== undefined; next = tally.pending.pop()) {
    await measureEntries(next, tally);
  }
  return tally.bytes;
}

/**
 * By du(1), in the form of POSIX: `KIBIBYTES<tab>PATH`. It measures all that it can read, and reports errors for
 * the rest.
 */
async function measureByTool(directory: string): Promise<number> {
  const child = Bun.spawn(["nice", "du", "-s", "-x", "-k", directory], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [kibibytes] = (await child.stdout.text()).split("\t");
  return Number(kibibytes) * 1024 || 0;
}

async function measureEntries(directory: string, tally: Tally): Promise<void> {
  const entries = await entriesOf(directory);
  for (let start = 0; start < entries.length; start += SLICE_ENTRIES) {
    const slice = entries.slice(start, start + SLICE_ENTRIES).map((name) => join(directory, name));
    const found = await Promise.all(slice.map(statusOf));
    for (const [index, status] of found.entries()) {
      const path = slice[index];
      if (status === null || path === undefined || status.dev !== tally.device) continue;
      add(path, status, tally);
    }
    // Awaiting finished file operations alone would not let a busy event loop turn.
    await setImmediate();
  }
}

function add(path: string, status: Stats, tally: Tally): void {
  const { bounds, linked, pending } = tally;
  if (isCounted(status, tally)) return;
  tally.bytes += status.blocks * BLOCK_BYTES;
  tally.entries++;
  const isLarge = tally.entries > bounds.entries || linked.size > bounds.linked;
  if (isLarge) throw new TooLarge();
  if (!status.isDirectory()) return;
  if (status.size > bounds.directoryBytes || path.length > bounds.pathChars) throw new TooLarge();
  pending.push(path);
}

function isCounted(status: Stats, { linked }: Tally): boolean {
  if (status.nlink === 1 || status.isDirectory()) return false;
  return linked.size === linked.add(status.ino).size;
}

async function statusOf(path: string): Promise<Stats | null> {
  return await lstat(path).catch(() => null);
}

async function entriesOf(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => []);
}
