// Starts and adopts processes that outlive the server, and watches each until its last descendant has ended.
import { setTimeout as delay } from "node:timers/promises";
import type { ChildRef, Exit } from "../../core/life/instance.ts";
import { codeOf } from "../files.ts";
import { hasSocket, listeningSockets } from "../kernel/sock-diag.ts";
import { listProcesses, type ProcessEntry, startTimeOf } from "./processes.ts";

export interface SpawnCommand {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors. */
  readonly stdout: number;
  readonly stderr: number;
  /** The directory of a control group; null: the server's own group. */
  readonly cgroup: string | null;
}

export interface Child {
  readonly ref: ChildRef;
  /** The application's main process, whose process group belongs to it. */
  readonly app: number;
  /** Whether the main process runs, as the system says now; `exited` resolves soon after the end. */
  isRunning(): boolean;
  /** How the main process ended. */
  readonly exited: Promise<Exit>;
  /** Resolves when the process and all of its descendants have ended. */
  readonly gone: Promise<void>;
  /** Whether the process or a descendant listens on a TCP port; true where the system does not tell. */
  listensOn(port: number): Promise<boolean>;
  /** Signals the process group; SIGKILL also reaches descendants that left the group. */
  signal(signal: NodeJS.Signals): void;
}

/** `mark`: the TENEMENT_MARK of the command's environment, by which descendants are found. */
export interface Spawner {
  /** Throws when the program can't be executed. */
  spawn(command: SpawnCommand, mark: string): Child;
  /** Takes over a process of an earlier server; null when it has ended. */
  adopt(ref: ChildRef, mark: string): Child | null;
  /** Kills every process whose mark is unwanted, and waits until all have ended. */
  sweep(isUnwanted: (mark: string) => boolean): Promise<void>;
}

/** Only a parent is notified of an exit, so the server polls for that of an adopted process. */
const ADOPTED_POLL_MS = 100;
const REMAINS_POLL_MIN_MS = 2;
const REMAINS_POLL_MAX_MS = 200;

export const bunSpawner: Spawner = {
  spawn({ argv, cwd, env, stdout, stderr, cgroup }, mark) {
    const spawned = Bun.spawn([...argv], {
      cwd,
      env,
      detached: true,
      ...(cgroup === null ? {} : { cgroup }),
      stdio: ["ignore", stdout, stderr],
    });
    const exited = spawned.exited.then(() => exitOf(spawned));
    return follow({ pid: spawned.pid, startTime: startTimeOf(spawned.pid) ?? 0 }, exited, mark);
  },

  adopt(ref, mark) {
    if (startTimeOf(ref.pid) !== ref.startTime) return null;
    return follow(ref, pollExit(ref), mark);
  },

  sweep(isUnwanted) {
    return untilNone(
      ({ mark }) => mark !== null && isUnwanted(mark),
      (entry) => send(entry.pid, "SIGKILL"),
    );
  },
};

function follow(ref: ChildRef, exited: Promise<Exit>, mark: string): Child {
  const isPart = (entry: ProcessEntry) => entry.group === ref.pid || entry.mark === mark;
  return {
    ref,
    app: ref.pid,
    isRunning: () => startTimeOf(ref.pid) === ref.startTime,
    exited,
    gone: exited.then(() => untilNone(isPart)),
    async listensOn(port) {
      const sockets = listeningSockets(port);
      // Most applications listen in their main process; only for the others are all processes searched.
      if (sockets === null || hasSocket(ref.pid, sockets)) return true;
      return (await survivors(isPart)).some(({ pid }) => hasSocket(pid, sockets));
    },
    signal(signal) {
      send(-ref.pid, signal);
      if (signal === "SIGKILL") void killStrays(isPart);
    },
  };
}

function exitOf({ exitCode, signalCode }: Bun.Subprocess): Exit {
  if (signalCode !== null) return { kind: "signal", signal: String(signalCode) };
  return { kind: "code", code: exitCode ?? 0 };
}

async function pollExit({ pid, startTime }: ChildRef): Promise<Exit> {
  while (startTimeOf(pid) === startTime) await delay(ADOPTED_POLL_MS);
  return { kind: "unknown" };
}

async function killStrays(isPart: (entry: ProcessEntry) => boolean): Promise<void> {
  for (const entry of await survivors(isPart)) send(entry.pid, "SIGKILL");
}

/** Waits until no living process matches; passes each match to `onFound`. */
async function untilNone(
  isPart: (entry: ProcessEntry) => boolean,
  onFound?: (entry: ProcessEntry) => void,
): Promise<void> {
  let pauseMs = REMAINS_POLL_MIN_MS;
  for (;;) {
    const found = await survivors(isPart);
    if (found.length === 0) return;
    if (onFound !== undefined) found.forEach(onFound);
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * 2, REMAINS_POLL_MAX_MS);
  }
}

async function survivors(
  isPart: (entry: ProcessEntry) => boolean,
): Promise<readonly ProcessEntry[]> {
  const entries = await listProcesses();
  return entries.filter((entry) => !entry.zombie && entry.pid !== process.pid && isPart(entry));
}

/** A process that has just ended is no error. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
