// Whether a time service keeps the kernel's clock synchronised.
import { ptr } from "bun:ffi";
import { linuxCalls } from "./libc.ts";

/** More than `struct timex` has on any architecture; with all zeros adjtimex(2) reads and changes nothing. */
const TIMEX_BYTES = 512;
const TIME_ERROR = 5;

/** Null where the system does not tell. */
export function isClockSynchronised(): boolean | null {
  const state = linuxCalls()?.adjtimex(ptr(new Uint8Array(TIMEX_BYTES))) ?? -1;
  return state < 0 ? null : state !== TIME_ERROR;
}
