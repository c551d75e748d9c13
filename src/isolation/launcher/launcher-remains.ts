// Ends the launches that an earlier server left, by the launcher and the init that their status files name.
import { setTimeout as delay } from "node:timers/promises";
import { ProcessHandle } from "../../platform/process/process-handle.ts";
import { startTimeOf } from "../../platform/process/processes.ts";
import { endProcesses } from "../../platform/process/strays.ts";
import { KILL_ALL } from "./launcher-follower.ts";
import { tryReadLaunchStatus } from "./launcher-status.ts";

/** About a second; a launcher that obeys takes some milliseconds, and longer for thousands of processes. */
const LOOKS_MAX = 100;
const LOOK_MS = 10;

/** Rejects when a process can't be ended. */
export async function endLaunch(statusFile: string): Promise<void> {
  const { init, launcher } = tryReadLaunchStatus(statusFile);
  if (launcher !== null) {
    using handle = ProcessHandle.open(launcher);
    handle?.signal(KILL_ALL);
  }
  const processes = [launcher, init].filter((ref) => ref !== null);
  for (let look = 0; look < LOOKS_MAX; look++) {
    if (processes.every(({ pid, startTime }) => startTimeOf(pid) !== startTime)) return;
    await delay(LOOK_MS);
  }
  await endProcesses(processes);
}
