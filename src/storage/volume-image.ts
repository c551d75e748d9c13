// A file that holds an ext4 file system: made, grown, mounted. All of it by the tools of e2fsprogs and util-linux.
import { realpathSync } from "node:fs";
import { open, rm, truncate } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import type { Gap } from "../core/failure.ts";
import type { Host } from "../platform/host.ts";
import { backingFileOf } from "../platform/mounts.ts";

/** Tools by the Debian package that brings them. */
const TOOLS = {
  "mkfs.ext4": "e2fsprogs",
  e2fsck: "e2fsprogs",
  resize2fs: "e2fsprogs",
  mount: "mount",
  umount: "mount",
  cp: "coreutils",
} as const;
type Tool = keyof typeof TOOLS;

/** Where the superblock is, and its fields: the kernel's documentation of ext4, "The Super Block". */
const SUPERBLOCK = {
  at: 1024,
  bytes: 1024,
  blocksLow: 0x4,
  logBlockSize: 0x18,
  state: 0x3a,
  incompatible: 0x60,
  blocksHigh: 0x150,
};
const UNMOUNTED_WITHOUT_ERRORS = 1;
const NEEDS_RECOVERY = 4;

/** e2fsck answers 1 when it has mended what it found. */
const MENDED = 1;

/** At the same time: a server that stops may have hundreds of volumes to unmount. */
const UNMOUNTING_MAX = 8;
let unmounting = 0;
/** Who waits for one of them to be done, the longest waiting first. */
const waiting: (() => void)[] = [];

/** Half a second: nobody who only passes through takes longer. */
const UNMOUNTS_MAX = 10;
const UNMOUNT_PAUSE_MS = 50;

/** The first thing that images need and this host lacks; null: nothing. */
export function findImageGap(host: Host): Gap | null {
  if (host.platform !== "linux") return { reason: "it needs Linux", remedy: "run ten on Linux" };
  if (!host.isRoot) return { reason: "it needs root", remedy: "run ten as root" };
  const tool = (Object.keys(TOOLS) as Tool[]).find((name) => host.which(name) === null);
  if (tool !== undefined) {
    return { reason: `${tool} is not installed`, remedy: `apt-get install ${TOOLS[tool]}` };
  }
  if (host.exists("/dev/loop-control")) return null;
  return { reason: "there are no loop devices", remedy: "modprobe loop" };
}

/** Makes an image; only what is written to it takes space on the disk. */
export async function makeImage(path: string, bytes: number): Promise<void> {
  await rm(path, { force: true });
  await using file = await open(path, "wx", 0o600);
  await file.truncate(bytes);
  // No blocks are kept for root: the tenant gets what there is.
  await run("mkfs.ext4", ["-q", "-F", "-m", "0", path]);
}

/** Puts what was written to an image on the disk. */
export async function flush(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

export interface ImageState {
  /** Of the file system in it, which is smaller than the image when growing was interrupted. */
  readonly bytes: number;
  /** False: it was not unmounted, as when the power failed. */
  readonly isClean: boolean;
}

/** What the superblock says. */
export async function readImage(path: string): Promise<ImageState> {
  await using file = await open(path, "r");
  const { at, bytes: length } = SUPERBLOCK;
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, at);
  const blocks =
    buffer.readUInt32LE(SUPERBLOCK.blocksLow) +
    buffer.readUInt32LE(SUPERBLOCK.blocksHigh) * 2 ** 32;
  const isToReplay = (buffer.readUInt32LE(SUPERBLOCK.incompatible) & NEEDS_RECOVERY) !== 0;
  return {
    bytes: blocks * 1024 * 2 ** buffer.readUInt32LE(SUPERBLOCK.logBlockSize),
    isClean: buffer.readUInt16LE(SUPERBLOCK.state) === UNMOUNTED_WITHOUT_ERRORS && !isToReplay,
  };
}

/** Grows the file system of an image that is mounted nowhere. */
export async function growImage(path: string, bytes: number): Promise<void> {
  await truncate(path, bytes);
  await checkImage(path);
  await run("resize2fs", [path]);
}

/** Mends what a power failure has left. Throws when it can't be mended without somebody's decision. */
export async function checkImage(path: string): Promise<void> {
  await run("e2fsck", ["-f", "-p", path], MENDED);
}

/** Whether it is mounted anywhere, also where this process does not see it. */
export function isAttached(image: string): boolean {
  const path = realpathSync(image);
  const devices = new Bun.Glob("loop*").scanSync({ cwd: "/sys/block", onlyFiles: false });
  return [...devices].some((name) => backingFileOf(`/dev/${name}`) === path);
}

/** A device that has the image already is taken again, so that the same blocks are never written through two. */
export async function mountImage(path: string, directory: string): Promise<void> {
  await run("mount", ["-t", "ext4", "-o", "loop,nosuid,nodev", path, directory]);
}

/**
 * Its loop device goes with it. Throws when somebody stays in it.
 * @param how "lazy": whoever is in it keeps it until they leave
 */
export async function unmount(directory: string, how: "strict" | "lazy" = "strict"): Promise<void> {
  if (unmounting === UNMOUNTING_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
  else unmounting++;
  try {
    if (how === "lazy") await run("umount", ["-l", directory]);
    else await unmountPatiently(directory);
  } finally {
    // The turn is handed on, or given back.
    const next = waiting.shift();
    if (next === undefined) unmounting--;
    else next();
  }
}

async function unmountPatiently(directory: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run("umount", [directory]);
    } catch (error) {
      // Whoever has looked into it, if only to list what is mounted, is in it for a moment.
      if (attempt === UNMOUNTS_MAX || !messageOf(error).includes("busy")) throw error;
      await pause(UNMOUNT_PAUSE_MS);
    }
  }
}

/** Copies all that is in a directory, as it is: owners, modes, times, links, holes. */
export async function copyTree(from: string, to: string): Promise<void> {
  await run("cp", ["-a", `${from}/.`, to]);
}

async function run(tool: Tool, args: readonly string[], highestGood = 0): Promise<void> {
  const child = Bun.spawn([tool, ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
  });
  const [exitCode, complaint] = await Promise.all([child.exited, child.stderr.text()]);
  if (exitCode <= highestGood) return;
  const [first = ""] = complaint.trim().split("\n");
  throw new Error(first === "" ? `${tool} ended with ${exitCode}` : `${tool}: ${first}`);
}
