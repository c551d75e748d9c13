// Reads and replaces small files, and tells the codes of errors.
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Null when the file can't be read, for whatever reason. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Replaces a file, so that a reader finds the old content or the new. Throws as `writeFileSync` does. */
export function replaceFile(path: string, content: string | Uint8Array, mode: number): void {
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, content, { mode });
    // The process's mask may have removed bits of the mode.
    chmodSync(draft, mode);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** The code of a system's error, such as ENOENT; null: the error has none. */
export function codeOf(error: unknown): string | null {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : null;
}
