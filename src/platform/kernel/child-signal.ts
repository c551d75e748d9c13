// The signal SIGCHLD, which a parent may have left ignored: the kernel then discards the exit codes of all children.
import { constants } from "node:os";
import { posixCalls } from "./libc.ts";

const DEFAULT_ACTION = 0;

/** Lets this process learn how its children end, whatever its parent ignores. */
export function acceptExitCodes(): void {
  posixCalls()?.signal(constants.signals.SIGCHLD, DEFAULT_ACTION);
}
