// The link by which the server reaches a tenant's socket, safe from files that the tenant puts in its place.
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
} from "node:fs";
import { codeOf } from "../../platform/files.ts";

/** open(2): names a file without opening it. Node has no constants for these. */
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const NAME_ONLY = O_PATH | O_CLOEXEC | constants.O_NOFOLLOW;
/** The socket is on another file system, as in a volume, or the tenant has given it all the links that it can have. */
const WITHOUT_LINK: ReadonlySet<string | null> = new Set(["EXDEV", "EMLINK"]);

interface Held {
  readonly fd: number;
  readonly file: Stats;
}

/**
 * A link to a tenant's socket: a hard link, which outlives the server, or where none can be made a symbolic link to a
 * descriptor of this process. The next server has to renew it before it connects.
 */
export class SocketLink {
  readonly #source: string;
  readonly #target: string;
  #held: Held | null = null;

  constructor(source: string, target: string) {
    this.#source = source;
    this.#target = target;
  }

  /** Brings the link up to date; see `linkSocket`. */
  renew(): void {
    try {
      linkSocket(this.#source, this.#target);
    } catch (error) {
      if (!WITHOUT_LINK.has(codeOf(error))) throw error;
      this.#renewHeld();
    }
  }

  /** An open descriptor would keep the file system of the socket mounted. */
  close(): void {
    if (this.#held !== null) closeSync(this.#held.fd);
    this.#held = null;
  }

  #renewHeld(): void {
    const found = lstatSync(this.#source, { throwIfNoEntry: false });
    if (found === undefined || (this.#held !== null && isSame(found, this.#held.file))) return;
    const held = hold(this.#source);
    if (held === null) return;
    const draft = draftOf(this.#target);
    symlinkSync(`/proc/${process.pid}/fd/${held.fd}`, draft);
    renameSync(draft, this.#target);
    this.close();
    this.#held = held;
  }
}

/** Null where it is no socket. */
function hold(path: string): Held | null {
  const fd = openSync(path, NAME_ONLY);
  const file = fstatSync(fd);
  if (file.isSocket()) return { fd, file };
  closeSync(fd);
  return null;
}

/**
 * Links a socket from a tenant's directory into one of the server's; does nothing for any other file. The tenant may
 * replace the socket by a symbolic link at any time, to the server's own socket for instance. A hard link stays on the
 * file that it was made for, so its type is checked after the link is made.
 */
export function linkSocket(source: string, target: string): void {
  const found = lstatSync(source, { throwIfNoEntry: false });
  if (!found?.isSocket()) return;
  const present = lstatSync(target, { throwIfNoEntry: false });
  if (present !== undefined && isSame(present, found)) return;
  const draft = draftOf(target);
  linkSync(source, draft);
  if (lstatSync(draft).isSocket()) renameSync(draft, target);
  else rmSync(draft);
}

function draftOf(target: string): string {
  const draft = `${target}.new`;
  rmSync(draft, { force: true });
  return draft;
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}
