// The system's processes: start times, groups, memory, and the marks that descendants inherit.
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

export interface ProcessEntry {
  readonly pid: number;
  readonly group: number;
  readonly startTime: number;
  readonly zombie: boolean;
  readonly memoryBytes: number;
  /** Of the launch that the process belongs to; descendants inherit it. */
  readonly mark: string | null;
}

/** The environment variable that marks the processes of one launch. */
const MARK = "TENEMENT_MARK=";
/** Processes read before the event loop turns: about a millisecond of work. */
const SLICE = 40;

/** The start time of a living process; null when there is none, or only its zombie. */
export function startTimeOf(pid: number): number | null {
  const entry = process.platform === "linux" ? readStat(pid) : readPs([pid])[0];
  return entry === undefined || entry === null || entry.zombie ? null : entry.startTime;
}

let current: Promise<readonly ProcessEntry[]> | null = null;
let next: Promise<readonly ProcessEntry[]> | null = null;

/**
 * All processes, at a moment after the call. Calls during a listing share the next one: stopping 500 instances
 * takes a few listings, not 500.
 */
export function listProcesses(): Promise<readonly ProcessEntry[]> {
  if (current === null) return begin();
  next ??= current.then(begin);
  return next;
}

function begin(): Promise<readonly ProcessEntry[]> {
  next = null;
  const listing = list().finally(() => {
    if (current === listing) current = null;
  });
  current = listing;
  return listing;
}

async function list(): Promise<readonly ProcessEntry[]> {
  if (process.platform !== "linux") return readPs([]);
  const entries: ProcessEntry[] = [];
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  for (const [index, pid] of pids.entries()) {
    if (index % SLICE === SLICE - 1) await setImmediate();
    const stat = readStat(pid);
    if (stat !== null) entries.push({ ...stat, mark: readMark(pid) });
  }
  return entries;
}

type Stat = Omit<ProcessEntry, "mark">;

/** Fields of /proc/PID/stat (proc_pid_stat(5)); the name before them may hold spaces and parentheses. */
function readStat(pid: number): Stat | null {
  const text = readProc(`/proc/${pid}/stat`)?.toString("latin1");
  if (text === undefined) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, group, startTime, pages] = [fields[0], fields[2], fields[19], fields[21]];
  return {
    pid,
    group: Number(group),
    startTime: Number(startTime),
    zombie: state === "Z" || state === "X",
    memoryBytes: Number(pages) * pageBytes(),
  };
}

function readMark(pid: number): string | null {
  const environment = readProc(`/proc/${pid}/environ`);
  if (environment === undefined) return null;
  const at = environment.indexOf(MARK);
  // A match inside the value of another variable does not count.
  if (at < 0 || (at > 0 && environment[at - 1] !== 0)) return null;
  const end = environment.indexOf(0, at);
  return environment.toString("utf8", at + MARK.length, end < 0 ? undefined : end);
}

/** Undefined when the process has ended or belongs to another user. */
function readProc(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

let knownPageBytes: number | null = null;

function pageBytes(): number {
  if (knownPageBytes === null) {
    const kilobytes = /^KernelPageSize:\s+(\d+) kB/m.exec(
      readProc("/proc/self/smaps")?.toString("latin1") ?? "",
    )?.[1];
    knownPageBytes = Number(kilobytes ?? 4) * 1024;
  }
  return knownPageBytes;
}

/** For systems without /proc. They do not show environments, so no mark is known. */
function readPs(pids: readonly number[]): ProcessEntry[] {
  const which = pids.length > 0 ? ["-p", pids.join(",")] : ["-ax"];
  const { stdout } = Bun.spawnSync(["ps", ...which, "-o", "pid=,pgid=,stat=,rss=,lstart="]);
  return stdout
    .toString()
    .split("\n")
    .flatMap((line) => {
      const [pid, group, state = "", rss, ...started] = line.trim().split(/\s+/);
      if (pid === undefined || pid === "") return [];
      return {
        pid: Number(pid),
        group: Number(group),
        startTime: Date.parse(started.join(" ")),
        zombie: state.startsWith("Z"),
        memoryBytes: Number(rss) * 1024,
        mark: null,
      };
    });
}
