// Follows an application through its launcher: reports the exit, sends signals, waits until no process is left.
import { type FSWatcher, watch } from "node:fs";
import type { ChildRef, Exit } from "../../core/life/instance.ts";
import { LANDLOCK_PORTS } from "../../core/walls.ts";
import { landlockVersion } from "../../platform/kernel/landlock.ts";
import { listeningSockets } from "../../platform/kernel/sock-diag.ts";
import { familyListens, listens } from "../../platform/process/open-sockets.ts";
import { isRunning } from "../../platform/process/processes.ts";
import type { Child } from "../../platform/process/spawner.ts";
import { endProcesses, Strays } from "../../platform/process/strays.ts";
import type { ControlGroup } from "../cgroup/group.ts";
import { tryReadLaunchStatus } from "./launcher-status.ts";

/** The signal that orders the launcher to kill all of its descendants. */
export const KILL_ALL = 64;
/** A shell's exit code when its last command was killed. */
const CODE_OF_KILLED = 137;

/**
 * The way in which the processes of a launch are held together. "walls": a pid namespace, which ends with its init.
 * "mark": the launcher, and where it was killed the mark. `owner`: the instance's own user; null: it is the server's.
 * `sharesPorts`: whether other tenants may bind this one's ports.
 */
export type Containment =
  | {
      readonly kind: "walls";
      readonly owner: number | null;
      readonly sharesPorts: () => boolean;
    }
  | { readonly kind: "mark"; readonly mark: string };

interface Launch {
  readonly statusFile: string;
  readonly group: ControlGroup;
  readonly containment: Containment;
}

/** Follows the application of a launcher, which may outlive it to wait for its descendants. */
export function followLauncher(child: Child, launch: Launch): Child {
  const { containment, group, statusFile } = launch;
  const { end, look } = watchEnd(child, statusFile);
  const exited = end.then((exit) => explain(exit, group));
  let app: number | null = null;
  const findApp = () => {
    app ??= tryReadLaunchStatus(statusFile).app;
    return app ?? child.app;
  };
  let killed = false;
  return {
    ref: child.ref,
    isRunning() {
      // The system may have no watch left for the status file.
      look();
      return child.isRunning() && isRunning({ pid: findApp(), startTime: null });
    },
    exited,
    // When this resolves, the status and the groups have been read and may be removed.
    gone: exited.then(() => untilGone(child, launch)),
    get app() {
      return findApp();
    },
    async listensOn(port) {
      const user = exclusiveUser(containment);
      if (user !== null) return userListens(user, port);
      return listens(findApp(), port) || (await familyListens(child.ref.pid, port));
    },
    includes: (pid) => child.includes(pid),
    memoryBytes: async () => group.memoryBytes() ?? (await child.memoryBytes()),
    signal(signal) {
      if (signal !== "SIGKILL") child.signal(signal);
      // The first time the launcher stays, to record how the application ended.
      else if (!killed) child.signal(KILL_ALL);
      else {
        child.signal(signal);
        group.kill();
      }
      killed ||= signal === "SIGKILL";
    },
  };
}

/**
 * Resolves when no process is left. A launcher that was killed has not waited for the others; then these are killed as
 * well. Rejects when some can't be ended.
 */
async function untilGone(child: Child, { containment, group, statusFile }: Launch): Promise<void> {
  await child.gone;
  const status = tryReadLaunchStatus(statusFile);
  const outcomes = [];
  if (!status.isGone) outcomes.push(await settled(endRest(child.ref, status.init, containment)));
  outcomes.push(await settled(group.dissolve()));
  const failed = outcomes.find((outcome) => outcome !== null);
  if (failed !== undefined) throw failed;
}

async function endRest(
  ref: ChildRef,
  init: ChildRef | null,
  containment: Containment,
): Promise<void> {
  if (containment.kind === "walls") return await endProcesses(init === null ? [] : [init]);
  const strays = new Strays({ ref, mark: containment.mark });
  strays.signal("SIGKILL");
  await strays.untilNone();
}

/** Null, or the reason why it failed. */
async function settled(work: Promise<void>): Promise<unknown> {
  return await work.then(
    () => null,
    (error: unknown) => error,
  );
}

/**
 * The user whose socket on the tenant's port can only be the tenant's, so that none of its descriptors has to be looked
 * at; null: there is none.
 */
function exclusiveUser(containment: Containment): number | null {
  if (containment.kind !== "walls") return null;
  const { owner, sharesPorts } = containment;
  if (owner !== null) return owner;
  const isExclusive = (landlockVersion() ?? 0) >= LANDLOCK_PORTS && !sharesPorts();
  return isExclusive ? (process.geteuid?.() ?? null) : null;
}

function userListens(user: number, port: number): boolean {
  return listeningSockets(port)?.some((socket) => socket.user === user) ?? true;
}

/** The end in the status file, as soon as it is there or looked for; otherwise that of the launcher. */
function watchEnd(child: Child, statusFile: string): { end: Promise<Exit>; look: () => void } {
  const { promise, reject, resolve } = Promise.withResolvers<Exit>();
  const look = () => {
    const { end } = tryReadLaunchStatus(statusFile);
    if (end !== null) resolve(end);
  };
  const watcher = watchFile(statusFile, look);
  // For statuses written before the watch began.
  look();
  const ended = child.exited.then((exit) => resolve(tryReadLaunchStatus(statusFile).end ?? exit));
  ended.catch(reject);
  return { end: promise.finally(() => watcher?.close()), look };
}

/** Null where the system has no watches left: then the launcher's end is waited for. */
function watchFile(path: string, onChange: () => void): FSWatcher | null {
  try {
    return watch(path, { persistent: false }, onChange).on("error", () => undefined);
  } catch {
    return null;
  }
}

/**
 * A process that is killed for lack of memory gets a signal like any other; only the control group knows the
 * reason.
 */
function explain(exit: Exit, group: ControlGroup): Exit {
  const isKill = exit.kind === "signal" && exit.signal === "SIGKILL";
  const isShellCode = exit.kind === "code" && exit.code === CODE_OF_KILLED;
  if (!isKill && !isShellCode && exit.kind !== "unknown") return exit;
  const found = group.outOfMemory();
  return found === null ? exit : { kind: "outOfMemory", ...found };
}
