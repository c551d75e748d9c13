// How much of the disk a directory takes.
import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** POSIX counts allocation in these, whatever the file system's own blocks are. */
const BLOCK_BYTES = 512;

/** Entries looked at together: enough to keep the disk busy, few enough that the event loop turns in between. */
const SLICE_ENTRIES = 64;

interface Tally {
  /** Only this file system is measured, as `du -x` does. */
  readonly device: number;
  /** Inodes with several names, each counted once. */
  readonly linked: Set<number>;
  /** Directories not read yet; depth first, so it holds about one directory's children at a time. */
  readonly pending: string[];
  bytes: number;
}

/**
 * Allocated bytes of a directory and everything below it, as `du` counts: holes take nothing, hard links count
 * once, symbolic links are not followed. 0 when there is no such directory; what vanishes or can't be read
 * meanwhile is left out.
 */
export async function measureDirectory(directory: string): Promise<number> {
  const root = await statusOf(directory);
  if (root === null) return 0;
  const tally: Tally = { device: root.dev, linked: new Set(), pending: [directory], bytes: 0 };
  tally.bytes += root.blocks * BLOCK_BYTES;
  for (let next = tally.pending.pop(); next !== undefined; next = tally.pending.pop()) {
    await measureEntries(next, tally);
  }
  return tally.bytes;
}

async function measureEntries(directory: string, tally: Tally): Promise<void> {
  const entries = await entriesOf(directory);
  for (let start = 0; start < entries.length; start += SLICE_ENTRIES) {
    const slice = entries.slice(start, start + SLICE_ENTRIES).map((name) => join(directory, name));
    const found = await Promise.all(slice.map(statusOf));
    for (const [index, status] of found.entries()) {
      const path = slice[index];
      if (status === null || path === undefined || status.dev !== tally.device) continue;
      if (isCounted(status, tally)) continue;
      tally.bytes += status.blocks * BLOCK_BYTES;
      if (status.isDirectory()) tally.pending.push(path);
    }
  }
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
