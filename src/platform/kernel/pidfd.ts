// Descriptors of processes: a signal by descriptor never reaches a later process with the same number (pidfd_open(2)).
import { linuxCalls } from "./libc.ts";

/** The numbers of these calls are the same on every architecture. */
const PIDFD_SEND_SIGNAL = 424;
const PIDFD_OPEN = 434;

/** Null where the process has ended, no descriptor is left, or the system has none of this kind. */
export function openPidfd(pid: number): number | null {
  const fd = linuxCalls()?.syscall(PIDFD_OPEN, pid, 0, 0, 0) ?? -1;
  return fd < 0 ? null : fd;
}

/** A process that has ended is no error. */
export function signalPidfd(fd: number, signal: number): void {
  linuxCalls()?.syscall(PIDFD_SEND_SIGNAL, fd, signal, 0, 0);
}
