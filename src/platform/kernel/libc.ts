// Where the C library is, for the few system calls that Bun has no name for.
import { readFileSync } from "node:fs";

/**
 * The libc that this process already runs on: its name differs by system, and a bare name could be found in the
 * current directory.
 */
export function libcPath(): string | null {
  if (process.platform === "darwin") return "/usr/lib/libSystem.B.dylib";
  if (process.platform !== "linux") return null;
  const maps = readFileSync("/proc/self/maps", "utf8");
  return (
    /\/\S*\/(?:libc\.so\.6|libc-2\.\d+\.so|ld-musl-[^/\s]+|libc\.musl-[^/\s]+)$/m.exec(maps)?.[0] ??
    null
  );
}
