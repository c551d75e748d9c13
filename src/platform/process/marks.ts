// Recognises the processes of a launch by a mark in their environment, also after a kill of the server or a parent.
// An environment is its process's own memory and can say anything, so only level "process" relies on it.
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { ChildRef } from "../../core/life/instance.ts";
import { readProcess, SLICE } from "./processes.ts";

export interface MarkedProcess extends ChildRef {
  readonly mark: string;
}

/** The environment variable that marks the processes of one launch, the first that they start with. */
const MARK = "TENEMENT_MARK=";
/** The kernel copies as much as a process has: some megabytes, if the process wants to cost time. */
const ENVIRONMENT_BYTES_MAX = 8 * 1024;
/** Ends the climb in a process table that changes meanwhile. */
const ANCESTORS_MAX = 1000;

let current: Promise<readonly MarkedProcess[]> | null = null;
let next: Promise<readonly MarkedProcess[]> | null = null;

/** The marked processes of the server's own user, at a moment after the call. Calls during a listing share the next. */
export function listMarked(): Promise<readonly MarkedProcess[]> {
  if (current === null) return begin();
  next ??= current.then(begin);
  return next;
}

function begin(): Promise<readonly MarkedProcess[]> {
  next = null;
  const listing = list().finally(() => {
    if (current === listing) current = null;
  });
  current = listing;
  return listing;
}

async function list(): Promise<readonly MarkedProcess[]> {
  if (process.platform !== "linux") return [];
  const found: MarkedProcess[] = [];
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  for (const [index, pid] of pids.entries()) {
    if (index % SLICE === SLICE - 1) await setImmediate();
    const mark = readMark(pid);
    const entry = mark === null ? null : readProcess(pid);
    if (mark !== null && entry !== null && !entry.zombie) {
      found.push({ pid, startTime: entry.startTime, mark });
    }
  }
  return found.filter(({ pid }) => pid !== process.pid);
}

/** Whether a process of level "process" belongs to the launch with a mark, as its environment says. */
export function hasMark(pid: number, mark: string): boolean {
  return readMark(pid) === mark;
}

/** Null also where the process could not be a descendant at level "process". */
function readMark(pid: number): string | null {
  try {
    // The owner is that of the process, or root where its memory is protected.
    if (statSync(`/proc/${pid}`).uid !== process.geteuid?.()) return null;
    const environment = readBeginning(`/proc/${pid}/environ`);
    const at = environment.indexOf(MARK);
    // A match inside the value of another variable does not count.
    if (at < 0 || (at > 0 && environment[at - 1] !== 0) || !isPlain(pid)) return null;
    const end = environment.indexOf(0, at);
    return environment.toString("utf8", at + MARK.length, end < 0 ? undefined : end);
  } catch {
    // The process has ended, or belongs to another user.
    return null;
  }
}

/**
 * Whether the server's user has started the process in the server's own pid namespace: neither another user through a
 * set-user-id program, nor a tenant behind walls.
 */
function isPlain(pid: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const users = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
  const numbers = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
  return users.every((user) => Number(user) === process.geteuid?.()) && numbers.length <= 1;
}

function readBeginning(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(ENVIRONMENT_BYTES_MAX);
    return bytes.subarray(0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

/** The closest of some living processes that a process is, or descends from; null: it is an orphan to them. */
export function ancestorAmong(
  pid: number,
  known: ReadonlyMap<number, ChildRef["startTime"]>,
): number | null {
  for (let each = pid, step = 0; each > 1 && step < ANCESTORS_MAX; step++) {
    const entry = readProcess(each);
    if (entry === null) return null;
    if (known.get(each) === entry.startTime) return each;
    each = entry.parent;
  }
  return null;
}
