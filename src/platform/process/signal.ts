// Signals a process or a process group by its number.
import { codeOf } from "../files.ts";

/** A process that has ended is no error. @param pid negative: of a group */
export function signalProcess(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
