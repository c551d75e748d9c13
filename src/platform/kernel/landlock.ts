// Asks the kernel for the version of its Landlock interface.
import { dlopen } from "bun:ffi";
import { libcPath } from "./libc.ts";

/** landlock_create_ruleset(2), the same number on every architecture. */
const CREATE_RULESET = 444;
const ASK_VERSION = 1;

/** Null where the kernel lacks Landlock, or was booted without it. */
export function landlockVersion(): number | null {
  const path = process.platform === "linux" ? libcPath() : null;
  if (path === null) return null;
  const library = dlopen(path, {
    syscall: { args: ["i64", "ptr", "u64", "u32"], returns: "i32" },
  });
  const version = library.symbols.syscall(CREATE_RULESET, null, 0, ASK_VERSION);
  library.close();
  return version < 1 ? null : version;
}
