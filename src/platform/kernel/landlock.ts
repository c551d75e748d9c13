// The version of the kernel's Landlock interface.
import { linuxCalls } from "./libc.ts";

/** landlock_create_ruleset(2), the same number on every architecture. */
const CREATE_RULESET = 444;
const ASK_VERSION = 1;

/** Null where the kernel lacks Landlock, or was booted without it. */
export function landlockVersion(): number | null {
  const version = linuxCalls()?.syscall(CREATE_RULESET, 0, 0, ASK_VERSION, 0) ?? 0;
  return version < 1 ? null : version;
}
