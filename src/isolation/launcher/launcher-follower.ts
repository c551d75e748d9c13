// Follows an application through its launcher: reports the exit, sends signals, kills all descendants.
import { type FSWatcher, watch } from "node:fs";
import type { Exit } from "../../core/life/instance.ts";
import { codeOf } from "../../platform/files.ts";
import { hasSocket, listeningSockets } from "../../platform/kernel/sock-diag.ts";
import { startTimeOf } from "../../platform/process/processes.ts";
import type { Child } from "../../platform/process/spawner.ts";
import type { ControlGroup } from "../cgroup/group.ts";
import { readLaunchStatus } from "./launcher-status.ts";

/** The signal that orders the launcher to kill all of its descendants. */
const KILL_ALL = 64;
/** A shell's exit code when its last command was killed. */
const CODE_OF_KILLED = 137;

interface Launch {
  readonly statusFile: string;
  readonly group: ControlGroup;
}

/** Follows the application of a launcher, which may outlive it to wait for its descendants. */
export function followLauncher(child: Child, { statusFile, group }: Launch): Child {
  const { end, look } = watchEnd(child, statusFile);
  const exited = end.then((exit) => explain(exit, group));
  let app: number | null = null;
  const findApp = () => {
    app ??= readLaunchStatus(statusFile).app;
    return app;
  };
  let killed = false;
  return {
    ref: child.ref,
    isRunning() {
      // The system may have no watch left for the status file.
      look();
      const main = findApp();
      return child.isRunning() && (main === null || startTimeOf(main) !== null);
    },
    exited,
    // When this resolves, the status and the groups have been read and may be removed.
    gone: exited.then(() => child.gone).then(() => group.dissolve()),
    get app() {
      return findApp() ?? child.app;
    },
    async listensOn(port) {
      const main = findApp();
      const sockets = listeningSockets(port);
      if (main !== null && sockets !== null && hasSocket(main, sockets)) return true;
      return await child.listensOn(port);
    },
    signal(signal) {
      if (signal !== "SIGKILL") child.signal(signal);
      // The first time the launcher stays, to record how the application ended.
      else if (!killed) killed = orderKill(child);
      else {
        child.signal(signal);
        group.kill();
      }
    },
  };
}

/** The end in the status file, as soon as it is there or looked for; otherwise that of the launcher. */
function watchEnd(child: Child, statusFile: string): { end: Promise<Exit>; look: () => void } {
  const { promise, resolve } = Promise.withResolvers<Exit>();
  const look = () => {
    const { end } = readLaunchStatus(statusFile);
    if (end !== null) resolve(end);
  };
  const watcher = watchFile(statusFile, look);
  // For what was written before the watch began.
  look();
  void child.exited.then((exit) => resolve(readLaunchStatus(statusFile).end ?? exit));
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

/** True, whether or not the launcher still ran. */
function orderKill({ ref }: Child): true {
  if (startTimeOf(ref.pid) !== ref.startTime) return true;
  try {
    process.kill(ref.pid, KILL_ALL);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
  return true;
}
