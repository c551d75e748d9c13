// The place of a socket at level "process": where no stranger can put another one, and free of earlier sockets.
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { messageOf } from "../core/errors.ts";
import { FailureError, startFailure } from "../core/failure.ts";
import { socketDirOf } from "../core/instance-paths.ts";
import { isUnder } from "../core/paths.ts";
import type { Service } from "../core/service.ts";
import { isListening } from "../platform/kernel/unix-queue.ts";
import { isRoot } from "../platform/owner.ts";

const OTHERS_MAY_WRITE = 0o002;
const GROUP_MAY_WRITE = 0o020;
/** In a directory such as /tmp nobody but its owner renames or removes a file. */
const STICKY = 0o1000;
/** As many as the kernel follows in one path (path_resolution(7)). */
const LINKS_MAX = 40;

interface SocketOwner {
  readonly dataDir: string;
  readonly service: Service;
}

/** Makes the directory of a socket, and removes a stale one. Throws START_FAILED where it is not safe, or in use. */
export function makeSocketPlace(path: string, { dataDir, service }: SocketOwner): void {
  const directory = dirname(path);
  if (directory === socketDirOf(dataDir)) makeOwn(directory);
  else makeTrusted(directory, { dataDir, service });
  makeFree(path, service);
}

/** Takes the directory back whoever had it: it holds nothing but sockets. */
function makeOwn(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const fd = openSync(directory, constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      if (isRoot()) fchownSync(fd, 0, 0);
      fchmodSync(fd, 0o700);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    const reason = `the server's directory of sockets ${directory} can't be used: ${messageOf(cause)}`;
    throw new FailureError(startFailure(reason, "Remove it: the server makes it again"), cause);
  }
}

function makeTrusted(directory: string, { dataDir, service }: SocketOwner): void {
  const fault = faultOfMaking(directory) ?? faultOf(directory, { dataDir, links: 0 });
  if (fault === null) return;
  const reason = `its socket's directory ${directory} is not safe: ${fault.state}`;
  const elsewhere = `socket in [service.${service.name}] to a path elsewhere, or leave it out`;
  const hint = fault.remedy === null ? `Set ${elsewhere}` : `${fault.remedy}, or set ${elsewhere}`;
  throw new FailureError(startFailure(reason, hint));
}

interface Fault {
  readonly state: string;
  /** Null: only another place helps. */
  readonly remedy: string | null;
}

function faultOfMaking(directory: string): Fault | null {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return null;
  } catch (error) {
    return { state: messageOf(error), remedy: "Make it for the server's user" };
  }
}

/**
 * By whom files on the way to a directory, or in it, could be replaced; null: by no stranger. The data directory is
 * trusted as it is, since all of the server's files are there.
 */
function faultOf(
  directory: string,
  { dataDir, links }: { readonly dataDir: string; readonly links: number },
): Fault | null {
  for (const path of waysTo(directory).filter((way) => !isUnder(dataDir, way))) {
    const facts = lstatSync(path);
    if (!isTrusted(facts.uid)) {
      return { state: `${path} belongs to user ${facts.uid}`, remedy: null };
    }
    if (facts.isSymbolicLink()) {
      const target = resolve(dirname(path), readlinkSync(path));
      if (links === LINKS_MAX) return { state: `${path} is a loop`, remedy: `Remove ${path}` };
      return faultOf(join(target, relative(path, directory)), { dataDir, links: links + 1 });
    }
    if (isWritable(facts)) {
      return { state: `other users may write ${path}`, remedy: `chmod go-w ${path}` };
    }
  }
  return null;
}

/** From the root directory down to the directory itself. */
function waysTo(directory: string): readonly string[] {
  const above = dirname(directory);
  return above === directory ? [directory] : [...waysTo(above), directory];
}

/** In a user namespace root may have another number; the root directory is always its own. */
function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.() || uid === lstatSync("/").uid;
}

function isWritable({ gid, mode }: { readonly gid: number; readonly mode: number }): boolean {
  if ((mode & STICKY) !== 0) return false;
  const isGroups = (mode & GROUP_MAY_WRITE) !== 0 && gid !== 0 && gid !== process.getegid?.();
  return isGroups || (mode & OTHERS_MAY_WRITE) !== 0;
}

/** A socket of an earlier launch would keep the application from listening; one in use is another program's. */
function makeFree(path: string, { name }: Service): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  const elsewhere = `set socket in [service.${name}] to another path`;
  if (!found.isSocket()) {
    throw new FailureError(startFailure(`${path} is not a socket`, `Remove it, or ${elsewhere}`));
  }
  if (isListening(path)) {
    const reason = `another program is already listening on ${path}`;
    throw new FailureError(startFailure(reason, `End that program, or ${elsewhere}`));
  }
  try {
    rmSync(path);
  } catch (cause) {
    const reason = `the stale socket ${path} can't be removed: ${messageOf(cause)}`;
    throw new FailureError(startFailure(reason, `Remove it, or ${elsewhere}`), cause);
  }
}
