// Writes an ordered change to the database, and reports a failure to the caller as STORAGE_FAILED.
import { messageOf, TenError } from "../core/errors.ts";

/** Throws STORAGE_FAILED where the write fails. */
export function persist(write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new TenError("STORAGE_FAILED", `Cannot store the change: ${messageOf(cause)}`, {
      cause,
      hint: "Check the free space of the data directory's disk",
    });
  }
}
