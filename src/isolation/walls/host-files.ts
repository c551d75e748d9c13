// The host's files that views depend on, looked up once for a server: directories of software, private files in them.
import { accessSync, constants, type Dirent, lstatSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { isSoftware, SOFTWARE } from "../../core/host-paths.ts";
import { isRoot } from "../../platform/owner.ts";

export interface HostFiles {
  /** The directories of software; of one that is a link, also its target. */
  readonly software: readonly string[];
  /** Files and directories among them that the server's user may read, but others may not. */
  readonly privateFiles: readonly string[];
}

/** Where programs keep secrets, and how deep it is worth looking for them. */
const KEEPERS = [
  { directory: "/etc", depth: 8 },
  { directory: "/opt", depth: 3 },
  { directory: "/usr/local", depth: 3 },
] as const;
/** Some 50 ms of work, once; the /etc of a large host has 5000. Beyond it nothing is looked for. */
const ENTRIES_MAX = 20_000;

export function findHostFiles(): HostFiles {
  return { software: listSoftware(), privateFiles: isRoot() ? [] : findPrivateFiles(KEEPERS) };
}

/** The directories of software; of one that is a link, also what it leads to. */
export function listSoftware(): readonly string[] {
  const targets = SOFTWARE.flatMap((path) => {
    try {
      return [realpathSync(path)];
    } catch {
      return [];
    }
  });
  return [...SOFTWARE, ...targets.filter((path) => !isSoftware(path))];
}

/**
 * Rootless, a tenant has the rights of the server's user. As root, each has a user of its own, so the modes of the
 * files suffice.
 */
export function findPrivateFiles(
  keepers: readonly { readonly directory: string; readonly depth: number }[],
): readonly string[] {
  const found: string[] = [];
  let left = ENTRIES_MAX;
  const look = (directory: string, depth: number) => {
    for (const entry of list(directory)) {
      left -= 1;
      if (left < 0) return;
      const path = join(directory, entry.name);
      if (isPrivate(path, entry)) found.push(path);
      else if (entry.isDirectory() && depth > 1) look(path, depth - 1);
    }
  };
  for (const { depth, directory } of keepers) look(directory, depth);
  return found;
}

function list(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

function isPrivate(path: string, entry: Dirent): boolean {
  if (!entry.isFile() && !entry.isDirectory()) return false;
  const others = entry.isDirectory() ? 0o005 : 0o004;
  const mode = lstatSync(path, { throwIfNoEntry: false })?.mode ?? others;
  return (mode & others) !== others && isReadable(path);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
