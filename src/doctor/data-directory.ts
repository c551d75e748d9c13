// Examines the data directory: its permissions, its file system, and the free space.
import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { isUnder } from "../core/paths.ts";
import type { Host } from "../platform/host.ts";
import { type Mount, parseMounts } from "../platform/mounts.ts";
import { type Finding, fine } from "./finding.ts";

const GROUP = "storage";
/** The log archive alone may take 1 GiB. */
const FREE_BYTES_MIN = 2 * 1024 ** 3;
const FREE_SHARE_MIN = 0.05;

/** Lose their contents when the host restarts. */
const IN_MEMORY: ReadonlySet<string> = new Set(["tmpfs", "ramfs"]);
/** SQLite and Unix sockets need locks and files of the local host. */
const REMOTE = /^(nfs|nfs4|cifs|smb3|9p|fuse\..*|ceph|afs|glusterfs)$/;

export interface Space {
  readonly freeBytes: number;
  readonly bytes: number;
  /** 0: the file system does not count inodes. */
  readonly inodes: number;
  readonly freeInodes: number;
}

export interface DirectoryFacts {
  /** The data directory, or the nearest existing directory above it. */
  readonly nearest: string;
  readonly isWritable: boolean;
  /** Permissions; null while it does not exist. */
  readonly mode: number | null;
  readonly space: Space;
}

export function examineDataDirectory(
  host: Host,
  facts: DirectoryFacts = factsOf(host.dataDir),
): readonly Finding[] {
  const mounts = parseMounts(host.read("/proc/self/mountinfo") ?? "");
  const mount = mountOf(facts.nearest, mounts);
  return [
    describeAccess(host, facts),
    ...(mount === null ? [] : describeKind(mount)),
    ...describeSpace(facts),
  ];
}

function describeAccess({ dataDir }: Host, { isWritable, mode, nearest }: DirectoryFacts): Finding {
  const finding = { id: "storage.directory", group: GROUP, title: "data directory" } as const;
  if (!isWritable) {
    return {
      ...finding,
      state: "warning",
      found: `${nearest} is not writable for this user`,
      meaning: "The server can't keep its state there",
      remedy: "run ten as the user of the server\nchoose another directory with --data-dir",
      blocks: [],
    };
  }
  if (mode === null) return fine({ ...finding, found: `${dataDir}, not there yet` });
  if ((mode & 0o077) === 0) return fine({ ...finding, found: dataDir });
  return {
    ...finding,
    state: "warning",
    found: `${dataDir} is open to other users`,
    meaning: "They may read the data of tenants, and the server's token",
    remedy: `chmod 700 ${dataDir}`,
    blocks: [],
  };
}

function describeKind({ options, path, type }: Mount): readonly Finding[] {
  const finding = { id: "storage.type", group: GROUP, title: "file system", blocks: [] } as const;
  const found = `${type} at ${path}`;
  const remedy = "choose another directory with --data-dir";
  if (options.includes("noexec")) {
    return [
      {
        ...finding,
        state: "missing",
        found: `${found}, mounted noexec`,
        meaning: "The launcher, which builds the walls, can't be executed there",
        remedy: `mount -o remount,exec ${path}\n${remedy}`,
        blocks: ["isolation=namespace", "isolation=sandbox", "isolation=qemu"],
      },
    ];
  }
  const meaning = IN_MEMORY.has(type)
    ? "Everything that tenants store is gone when this host restarts, and takes memory until then"
    : REMOTE.test(type)
      ? "The server's databases need a local disk: locks over a network lose data"
      : null;
  if (meaning === null) return [fine({ ...finding, found })];
  return [{ ...finding, state: "warning", found, meaning, remedy }];
}

function describeSpace({ nearest, space }: DirectoryFacts): readonly Finding[] {
  const { bytes, freeBytes, freeInodes, inodes } = space;
  const disk = { id: "storage.space", group: GROUP, title: "free space" } as const;
  const found = `${(freeBytes / 1024 ** 3).toFixed(1)} of ${(bytes / 1024 ** 3).toFixed(1)} GiB`;
  const isShort =
    freeBytes < Math.min(FREE_BYTES_MIN, bytes / 2) || freeBytes < bytes * FREE_SHARE_MIN;
  const meaning = "On a full disk nothing starts, and no log is kept";
  const remedy = `du -xh ${nearest} | sort -h | tail`;
  const files = { id: "storage.files", group: GROUP, title: "free inodes" } as const;
  const inodesFound = `${freeInodes} of ${inodes}`;
  const fewInodes = freeInodes < inodes * FREE_SHARE_MIN;
  return [
    isShort
      ? { ...disk, state: "warning", found, meaning, remedy, blocks: [] }
      : fine({ ...disk, found }),
    ...(inodes === 0
      ? []
      : fewInodes
        ? [
            {
              ...files,
              state: "warning",
              found: inodesFound,
              meaning,
              remedy: `du --inodes -x ${nearest} | sort -n | tail`,
              blocks: [],
            } as const,
          ]
        : [fine({ ...files, found: inodesFound })]),
  ];
}

/** The mount of the file system that contains a path. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | null {
  return mounts
    .filter((mount) => isUnder(path, mount.path))
    .reduce<Mount | null>(
      (deepest, mount) => (mount.path.length >= (deepest?.path.length ?? 0) ? mount : deepest),
      null,
    );
}

function factsOf(dataDir: string): DirectoryFacts {
  let nearest = dataDir;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  const { bavail, blocks, bsize, ffree, files } = statfsSync(nearest);
  return {
    nearest,
    isWritable: mayWrite(nearest),
    mode: nearest === dataDir ? statSync(dataDir).mode & 0o777 : null,
    space: {
      bytes: blocks * bsize,
      freeBytes: bavail * bsize,
      inodes: files,
      freeInodes: ffree,
    },
  };
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
