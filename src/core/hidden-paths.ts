// The host's directories that every level of isolation hides, but for the paths below them that a service may use.
// The launcher has the same lists in C; a test compares them.
import { isUnder } from "./paths.ts";

/** Covered by empty directories. */
export const COVERED = ["/root", "/home", "/run"] as const;

/** Replaced by a directory of the launch. */
export const PRIVATE_TMP = ["/tmp", "/var/tmp"] as const;

/** On most hosts /var/run is a link to /run. */
export const HIDDEN = [...COVERED, "/var/run", ...PRIVATE_TMP] as const;

/** Whether a path lies in a hidden directory. */
export function isHidden(path: string): boolean {
  return HIDDEN.some((each) => isUnder(path, each));
}
