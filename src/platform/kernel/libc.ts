// The table of C library calls, for the system calls that Bun has no name for.
import { dlopen } from "bun:ffi";
import { readFileSync } from "node:fs";

/** Calls that Linux and macOS have alike. */
const POSIX_CALLS = {
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  getrlimit: { args: ["i32", "ptr"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
  signal: { args: ["i32", "i64"], returns: "i64" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
} as const;

const LINUX_CALLS = {
  ...POSIX_CALLS,
  __errno_location: { args: [], returns: "ptr" },
  adjtimex: { args: ["ptr"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  splice: { args: ["i32", "ptr", "i32", "ptr", "u64", "u32"], returns: "i64" },
  /** A call by its number, with four arguments, all of them numbers. */
  syscall: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i32" },
} as const;

export type PosixCalls = ReturnType<typeof openPosix>;
export type LinuxCalls = ReturnType<typeof openLinux>;

let posix: PosixCalls | null | undefined;
let linux: LinuxCalls | null | undefined;

/** Null where this process runs on no C library that is known here. */
export function posixCalls(): PosixCalls | null {
  if (posix === undefined) posix = linuxCalls() ?? attempt(openPosix);
  return posix;
}

/** Null where this process does not run on Linux, or on no C library that is known here. */
export function linuxCalls(): LinuxCalls | null {
  if (linux === undefined) linux = process.platform === "linux" ? attempt(openLinux) : null;
  return linux;
}

function openPosix(path: string) {
  return dlopen(path, POSIX_CALLS).symbols;
}

function openLinux(path: string) {
  return dlopen(path, LINUX_CALLS).symbols;
}

function attempt<Calls>(open: (path: string) => Calls): Calls | null {
  try {
    const path = libcPath();
    return path === null ? null : open(path);
  } catch {
    return null;
  }
}

/** The library that this process runs on: its name differs by system, and a bare name could be a file of the cwd. */
export function libcPath(): string | null {
  if (process.platform === "darwin") return "/usr/lib/libSystem.B.dylib";
  if (process.platform !== "linux") return null;
  const maps = readFileSync("/proc/self/maps", "utf8");
  const pattern = /\/\S*\/(?:libc\.so\.6|libc-2\.\d+\.so|ld-musl-[^/\s]+|libc\.musl-[^/\s]+)$/m;
  return pattern.exec(maps)?.[0] ?? null;
}
