// Ends the launches that an earlier server left, by the launcher and the init that their status files name.
import { ProcessHandle } from "../../platform/process/process-handle.ts";
import { endProcesses, untilEnded } from "../../platform/process/strays.ts";
import { KILL_ALL } from "./launcher-follower.ts";
import { tryReadLaunchStatus } from "./launcher-status.ts";

/** Rejects when a process can't be ended. */
export async function endLaunch(statusFile: string): Promise<void> {
  const { init, launcher } = tryReadLaunchStatus(statusFile);
  if (launcher !== null) {
    using handle = ProcessHandle.open(launcher);
    handle?.signal(KILL_ALL);
  }
  const processes = [launcher, init].filter((ref) => ref !== null);
  // A launcher that obeys takes some milliseconds, and longer for thousands of processes.
  const living = await untilEnded(processes);
  if (living.length > 0) await endProcesses(living);
}
