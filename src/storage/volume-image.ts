// A file that holds an ext4 file system: made, grown, checked, mounted, by the tools of e2fsprogs and util-linux.
import { realpathSync } from "node:fs";
import { open, rm, truncate } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import type { Gap } from "../core/failure.ts";
import type { Host } from "../platform/host.ts";
import { backingFileOf } from "../platform/mounts.ts";
import { runTool, TOOLS, type Tool } from "./volume-tools.ts";

/** The offset of the superblock, and of its fields: the kernel's documentation of ext4, "The Super Block". */
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

/** For root: in a volume that the tenant has filled, the launcher still makes the mount points of the next start. */
const RESERVED_BYTES = 64 * 1024;

/** e2fsck's exit code when it has repaired all errors. */
const REPAIRED = 1;

/** At the same time: a server that stops may have hundreds of volumes to unmount. */
const UNMOUNTING_MAX = 8;
let unmounting = 0;
/** Callers that wait for a turn, the longest waiting first. */
const waiting: (() => void)[] = [];

/** Half a second: longer than a process is inside that only lists mounts. */
const UNMOUNTS_MAX = 10;
const UNMOUNT_PAUSE_MS = 50;

/** A process is in the file system. */
export class BusyError extends Error {}

/** The first need of images that this host does not meet; null: it meets all. */
export function findImageGap(host: Host): Gap | null {
  if (host.platform !== "linux") return { reason: "it needs Linux", remedy: "run ten on Linux" };
  if (!host.isRoot) return { reason: "it needs root", remedy: "run ten as root" };
  const tool = (Object.keys(TOOLS) as Tool[]).find((name) => host.which(name) === null);
  if (tool !== undefined) {
    return { reason: `${tool} is not installed`, remedy: `apt-get install ${TOOLS[tool].debian}` };
  }
  if (host.exists("/dev/loop-control")) return null;
  return { reason: "there are no loop devices", remedy: "modprobe loop" };
}

/** Makes an image. Only written blocks take space on the disk. */
export async function makeImage(path: string, bytes: number): Promise<void> {
  await rm(path, { force: true });
  await using file = await open(path, "wx", 0o600);
  await file.truncate(bytes);
  const percent = (RESERVED_BYTES / bytes) * 100;
  await runTool("mkfs.ext4", ["-q", "-F", "-m", percent.toFixed(6), path]);
}

/** Flushes an image to the disk. */
export async function flush(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}

export interface ImageState {
  /** The size of the file system, which is smaller than the image after an interrupted growth. */
  readonly bytes: number;
  /** False: it was not unmounted, as after a power failure. */
  readonly isClean: boolean;
}

/** Reads the superblock. */
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

/** Grows the file system of an image that is not mounted. */
export async function growImage(path: string, bytes: number): Promise<void> {
  await truncate(path, bytes);
  await checkImage(path);
  await runTool("resize2fs", [path]);
}

/** Repairs the damage of a power failure. Throws when a repair needs an operator's decision. */
export async function checkImage(path: string): Promise<void> {
  await runTool("e2fsck", ["-f", "-p", path], { highestSuccess: REPAIRED });
}

/** Whether the image is mounted anywhere, also where this process does not see the mount. */
export function isAttached(image: string): boolean {
  const path = realpathSync(image);
  const devices = new Bun.Glob("loop*").scanSync({ cwd: "/sys/block", onlyFiles: false });
  return [...devices].some((name) => backingFileOf(`/dev/${name}`) === path);
}

/** A loop device that already has the image is reused, so that no two devices write the same blocks. */
export async function mountImage(path: string, directory: string): Promise<void> {
  await runTool("mount", ["-t", "ext4", "-o", "loop,nosuid,nodev", path, directory]);
}

/** Shows a directory at another place, too, with the mount options of its file system. */
export async function bindDirectory(directory: string, place: string): Promise<void> {
  await runTool("mount", ["--bind", directory, place]);
}

/**
 * Unmounts a directory and releases its loop device. Throws a BusyError when a process stays in it.
 * @param how "lazy": a process in it keeps its files until it leaves
 */
export async function unmount(directory: string, how: "strict" | "lazy" = "strict"): Promise<void> {
  if (unmounting === UNMOUNTING_MAX) await new Promise<void>((resolve) => waiting.push(resolve));
  else unmounting++;
  try {
    if (how === "lazy") await runTool("umount", ["-l", directory]);
    else await unmountPatiently(directory);
  } finally {
    const next = waiting.shift();
    if (next === undefined) unmounting--;
    else next();
  }
}

async function unmountPatiently(directory: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runTool("umount", [directory]);
    } catch (error) {
      if (!messageOf(error).includes("busy")) throw error;
      if (attempt === UNMOUNTS_MAX) throw new BusyError(messageOf(error), { cause: error });
      // A process that lists mounts is in it for a moment.
      await pause(UNMOUNT_PAUSE_MS);
    }
  }
}

/** Copies the content of a directory with owners, modes, times, links and holes. */
export async function copyTree(from: string, to: string): Promise<void> {
  await runTool("cp", ["-a", `${from}/.`, to]);
}
