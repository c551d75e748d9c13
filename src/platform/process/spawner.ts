// Starts and adopts processes that outlive the server, and watches each until its last descendant has ended.
import { setTimeout as delay } from "node:timers/promises";
import type { ChildRef, Exit } from "../../core/life/instance.ts";
import { ancestorAmong, hasMark } from "./marks.ts";
import { familyListens } from "./open-sockets.ts";
import { ProcessHandle } from "./process-handle.ts";
import {
  isRunning,
  listFamily,
  type ProcessEntry,
  proportionalBytes,
  startTimeOf,
} from "./processes.ts";
import { children, endMarked, Strays } from "./strays.ts";

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
  /** Resolves when the process and all of its descendants have ended; rejects when some of them can't be ended. */
  readonly gone: Promise<void>;
  /** Whether the process or a descendant listens on a TCP port; true where the system does not tell. */
  listensOn(port: number): Promise<boolean>;
  /** Whether a process is this one or a descendant; not asked where the system has no /proc. */
  includes(pid: number): boolean;
  /** Of the process and its descendants. */
  memoryBytes(): Promise<number>;
  /** By number where it has no name in the C library. SIGKILL reaches all descendants. */
  signal(signal: NodeJS.Signals | number): void;
}

/**
 * `mark`: the TENEMENT_MARK of the command's environment, by which descendants are found; null: the command waits for
 * them and passes signals on.
 */
export interface Spawner {
  /** Throws when the program can't be executed. */
  spawn(command: SpawnCommand, mark: string | null): Child;
  /** Takes over a process of an earlier server; null when it has ended. */
  adopt(ref: ChildRef, mark: string | null): Child | null;
  /**
   * Kills processes of earlier servers: the recorded ones and, in one pass, those with an unwanted mark that belong to
   * no child. Resolves with the number of those that do not end.
   */
  sweep(order: SweepOrder): Promise<number>;
}

export interface SweepOrder {
  readonly recorded: readonly ChildRef[];
  readonly isUnwanted: (mark: string) => boolean;
}

/** Only a parent is notified of an exit, so the server polls for that of an adopted process. */
const ADOPTED_POLL_MS = 100;

export const bunSpawner: Spawner = {
  spawn({ argv, cwd, env, stdout, stderr, cgroup }, mark) {
    const spawned = Bun.spawn([...argv], {
      cwd,
      env,
      detached: true,
      ...(cgroup === null ? {} : { cgroup }),
      stdio: ["ignore", stdout, stderr],
    });
    return followSpawned(spawned, mark);
  },

  adopt(ref, mark) {
    const handle = ProcessHandle.open(ref);
    return handle && follow({ handle, ref, exited: pollExit(ref), mark });
  },

  async sweep({ isUnwanted, recorded }) {
    for (const ref of recorded) {
      using handle = ProcessHandle.open(ref);
      handle?.signalGroup("SIGKILL");
    }
    return await endMarked(isUnwanted);
  },
};

interface Followed {
  readonly handle: ProcessHandle;
  readonly ref: ChildRef;
  readonly exited: Promise<Exit>;
  readonly mark: string | null;
}

/** Follows a process that this one has started. */
export function followSpawned(spawned: Bun.Subprocess, mark: string | null): Child {
  const { handle, ref } = ProcessHandle.ofChild(spawned.pid);
  return follow({ handle, ref, exited: spawned.exited.then(() => exitOf(spawned)), mark });
}

function follow({ exited: ended, handle, mark, ref }: Followed): Child {
  children.set(ref.pid, ref.startTime);
  const exited = ended.finally(() => {
    children.delete(ref.pid);
    handle[Symbol.dispose]();
  });
  const strays = mark === null ? null : new Strays({ ref, mark });
  return {
    ref,
    app: ref.pid,
    isRunning: () => isRunning(ref),
    exited,
    gone: exited.then(() => strays?.untilNone()),
    listensOn: (port) => familyListens(ref.pid, port),
    includes(pid) {
      const ancestor = ancestorAmong(pid, children);
      return ancestor === null ? mark !== null && hasMark(pid, mark) : ancestor === ref.pid;
    },
    memoryBytes: async () => memoryOf(await listFamily(ref.pid)),
    signal(signal) {
      if (strays === null || typeof signal === "number") handle.signal(signal);
      // A signal other than SIGKILL is for the group, and for the rest once the group can't be named any more.
      else if (!handle.signalGroup(signal) || signal === "SIGKILL") strays.signal(signal);
    },
  };
}

/** A tenant decides how many it has: of the rest, all pages are counted, which costs no visit of each. */
const PROPORTIONAL_MAX = 256;

async function memoryOf(family: readonly ProcessEntry[]): Promise<number> {
  let bytes = 0;
  for (const [index, { pid, memoryBytes }] of family.entries()) {
    const proportional = index < PROPORTIONAL_MAX ? await proportionalBytes(pid) : null;
    bytes += proportional ?? memoryBytes;
  }
  return bytes;
}

function exitOf({ exitCode, signalCode }: Bun.Subprocess): Exit {
  if (signalCode !== null) return { kind: "signal", signal: String(signalCode) };
  return { kind: "code", code: exitCode ?? 0 };
}

async function pollExit({ pid, startTime }: ChildRef): Promise<Exit> {
  while (startTimeOf(pid) === startTime) await delay(ADOPTED_POLL_MS);
  return { kind: "unknown" };
}
