// The system's processes: start times, memory, and the descendants of a process.
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { requireProgram } from "../programs.ts";

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly startTime: number;
  readonly zombie: boolean;
  /** Ends, or has ended: its connections may be broken already. */
  readonly exiting: boolean;
  readonly threads: number;
  /** Shared pages included. */
  readonly memoryBytes: number;
}

/** Processes read before the event loop turns: about a millisecond of work. */
export const SLICE = 40;
/** A tenant decides how many it has. */
const FAMILY_MAX = 4096;
/** The children of each thread are listed apart. With more threads only those of the main thread are visited. */
const THREADS_MAX = 256;

/** Of `task_struct.flags`: set before the kernel closes the descriptors of an ending process. */
const PF_EXITING = 0x4;

/** The start time of a living process; null when there is none, or only its zombie. */
export function startTimeOf(pid: number): number | null {
  const entry = readAny(pid);
  return entry === null || entry.zombie ? null : entry.startTime;
}

/** Whether a process lives and has not begun to end. @param startTime null: any */
export function isRunning({ pid, startTime }: { pid: number; startTime: number | null }): boolean {
  const entry = readAny(pid);
  if (entry === null || entry.exiting) return false;
  return startTime === null || entry.startTime === startTime;
}

function readAny(pid: number): ProcessEntry | null {
  return process.platform === "linux" ? readProcess(pid) : (readPs([pid])[0] ?? null);
}

/**
 * A living process with its living descendants, as far as their parents live as well: all, where the process adopts
 * orphans. On systems without /proc those of its process group. No other process is read.
 * @param max beyond it the rest is left out
 */
export async function listFamily(pid: number, max = FAMILY_MAX): Promise<readonly ProcessEntry[]> {
  if (process.platform !== "linux") return groupMembers(pid);
  const entries: ProcessEntry[] = [];
  const pids = [pid];
  for (const [index, each] of pids.entries()) {
    if (index % SLICE === SLICE - 1) await setImmediate();
    const entry = readProcess(each);
    if (entry === null || entry.zombie) continue;
    entries.push(entry);
    pids.push(...childrenOf(entry).slice(0, max - pids.length));
  }
  return entries;
}

/** For systems without /proc. */
export function groupMembers(group: number): readonly ProcessEntry[] {
  return readPs([]).filter((entry) => entry.group === group && !entry.zombie);
}

export function childrenOf({ pid, threads }: Pick<ProcessEntry, "pid" | "threads">): number[] {
  return threadsOf(pid, threads).flatMap((thread) =>
    (readProc(`/proc/${pid}/task/${thread}/children`) ?? "").split(" ").filter(Boolean).map(Number),
  );
}

function threadsOf(pid: number, count: number): readonly (string | number)[] {
  if (count === 1 || count > THREADS_MAX) return [pid];
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // The process has ended.
    return [];
  }
}

/**
 * Fields of /proc/PID/stat (proc_pid_stat(5)); the name before them may hold spaces and parentheses. Null: there is no
 * such process.
 */
export function readProcess(pid: number): ProcessEntry | null {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const zombie = fields[0] === "Z" || fields[0] === "X";
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    startTime: Number(fields[19]),
    zombie,
    exiting: zombie || (Number(fields[6]) & PF_EXITING) !== 0,
    threads: Number(fields[17]),
    memoryBytes: Number(fields[21]) * pageBytes(),
  };
}

/**
 * The memory of a process, of pages that it shares with others its part: a server that forks would count the same pages
 * for each worker (proc_pid_smaps_rollup(5)). Null: it has ended, or the system does not tell. The kernel visits every
 * page, so it is read on another thread.
 */
export async function proportionalBytes(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "latin1").catch(() => "");
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** Null when the process has ended. */
function readProc(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}

let knownPageBytes: number | null = null;

function pageBytes(): number {
  if (knownPageBytes === null) {
    const kilobytes = /^KernelPageSize:\s+(\d+) kB/m.exec(readProc("/proc/self/smaps") ?? "")?.[1];
    knownPageBytes = Number(kilobytes ?? 4) * 1024;
  }
  return knownPageBytes;
}

function readPs(pids: readonly number[]): ProcessEntry[] {
  const which = pids.length > 0 ? ["-p", pids.join(",")] : ["-ax"];
  const { stdout } = Bun.spawnSync([
    requireProgram("ps"),
    ...which,
    "-o",
    "pid=,ppid=,pgid=,stat=,rss=,lstart=",
  ]);
  return stdout
    .toString()
    .split("\n")
    .flatMap((line) => {
      const [pid, parent, group, state = "", rss, ...started] = line.trim().split(/\s+/);
      if (pid === undefined || pid === "") return [];
      return {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        startTime: Date.parse(started.join(" ")),
        zombie: state.startsWith("Z"),
        exiting: /^Z|E/.test(state),
        threads: 1,
        memoryBytes: Number(rss) * 1024,
      };
    });
}
