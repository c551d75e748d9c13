// Starts processes that outlive this program, and follows each until nothing that it started is left.
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
  /** A directory; null: that of this program. */
  readonly cgroup: string | null;
}

export interface Child {
  readonly ref: ChildRef;
  /** The main process of the application: what runs in its process group belongs to it, too. */
  readonly app: number;
  /** How the main process ended. */
  readonly exited: Promise<Exit>;
  /** Resolves when neither it nor anything it started is left. */
  readonly gone: Promise<void>;
  /** Whether it, or something it started, listens on a TCP port; true where the system doesn't tell. */
  listensOn(port: number): Promise<boolean>;
  /** To its process group; SIGKILL also to descendants that left the group. */
  signal(signal: NodeJS.Signals): void;
}

/** `mark`: the TENEMENT_MARK of the command's environment, by which descendants are found. */
export interface Spawner {
  /** Throws when the program can't be executed. */
  spawn(command: SpawnCommand, mark: string): Child;
  /** A process that an earlier server started; null when it no longer lives. */
  adopt(ref: ChildRef, mark: string): Child | null;
  /** Kills everything whose mark is unwanted, and waits until it is gone. */
  sweep(isUnwanted: (mark: string) => boolean): Promise<void>;
}

/** Only a parent is told of an exit; for a process that was taken over the system is asked this often. */
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
    exited,
    gone: exited.then(() => untilNone(isPart)),
    async listensOn(port) {
      const sockets = listeningSockets(port);
      // Most applications listen in their main process: only for the others all are looked through.
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

/** Waits until no living process matches, giving each that does to `onFound`. */
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

/** A process that has just gone is no error. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
