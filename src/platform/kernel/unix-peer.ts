// The process and the user at the other end of a connected Unix socket, as the kernel tells them (unix(7)).
import { ptr } from "bun:ffi";
import { linuxCalls } from "./libc.ts";

export interface UnixPeer {
  /** The process that began to listen, or connected; 0: it can't be seen from here. */
  readonly pid: number;
  readonly user: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** `struct ucred`: process, user and group, 32 bits each. */
const CREDENTIALS = new Int32Array(3);
const LENGTH = new Int32Array(1);

/** Null where the system does not tell. */
export function unixPeerOf(fd: number): UnixPeer | null {
  const calls = linuxCalls();
  LENGTH[0] = CREDENTIALS.byteLength;
  const result = calls?.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ptr(CREDENTIALS), ptr(LENGTH));
  if (result !== 0) return null;
  const [pid = 0, user = 0] = CREDENTIALS;
  return { pid, user: user >>> 0 };
}
