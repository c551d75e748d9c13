// Asks the kernel whether something keeps its clock right.
import { dlopen, ptr } from "bun:ffi";
import { libcPath } from "./libc.ts";

/** More than `struct timex` has on any architecture; all zero, it asks and changes nothing. adjtimex(2). */
const TIMEX_BYTES = 512;
const TIME_ERROR = 5;

/** Null where the system can't be asked. */
export function isClockSynchronised(): boolean | null {
  const path = process.platform === "linux" ? libcPath() : null;
  if (path === null) return null;
  const library = dlopen(path, { adjtimex: { args: ["ptr"], returns: "i32" } });
  const state = library.symbols.adjtimex(ptr(new Uint8Array(TIMEX_BYTES)));
  library.close();
  return state < 0 ? null : state !== TIME_ERROR;
}
