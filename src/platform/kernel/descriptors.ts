// Descriptors of this process: how many it may have, how scarce they are, and duplicates of them.
import { closeSync, openSync } from "node:fs";
import { posixCalls } from "./libc.ts";

const isMac = process.platform === "darwin";
const RLIMIT_NOFILE = isMac ? 8 : 7;
const F_DUPFD_CLOEXEC = isMac ? 67 : 1030;

/** How many descriptors this process may have; Infinity where that is unknown. */
export function descriptorLimit(): number {
  const limits = new BigUint64Array(2);
  const isKnown = posixCalls()?.getrlimit(RLIMIT_NOFILE, limits) === 0;
  return isKnown ? Number(limits[0]) : Number.POSITIVE_INFINITY;
}

/**
 * The lowest number that is free, which the system gives to the next descriptor: all below it are in use. Infinity when
 * none is free.
 */
export function lowestFreeDescriptor(): number {
  try {
    const fd = openSync("/dev/null", "r");
    closeSync(fd);
    return fd;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** No descriptor is free: calls fail with EMFILE or ENFILE, and a runtime's connect says ECONNREFUSED. */
export function isOutOfDescriptors(): boolean {
  return lowestFreeDescriptor() === Number.POSITIVE_INFINITY;
}

/** Another descriptor of the same; null when none is free. */
export function duplicate(fd: number): number | null {
  const copy = posixCalls()?.fcntl(fd, F_DUPFD_CLOEXEC, 0) ?? -1;
  return copy < 0 ? null : copy;
}

/** The descriptor of a socket or a server of `node:net`, whose types leave it out; null once it is closed. */
export function descriptorOf(socket: object): number | null {
  const { _handle } = socket as { readonly _handle?: { readonly fd: number } | null };
  return _handle?.fd ?? null;
}
