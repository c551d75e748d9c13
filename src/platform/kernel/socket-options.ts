// Options and counts of sockets that the runtime has no name for: receive buffers, acknowledged bytes (tcp(7)).
import { posixCalls } from "./libc.ts";

const { SOL_SOCKET, SO_RCVBUF } =
  process.platform === "darwin"
    ? { SOL_SOCKET: 0xffff, SO_RCVBUF: 0x1002 }
    : { SOL_SOCKET: 1, SO_RCVBUF: 8 };

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** The place of `tcpi_bytes_acked` in `struct tcp_info`, by eight bytes. */
const BYTES_ACKED_INDEX = 15;
const TCP_INFO_NUMBERS = 16;

/** Bounds the bytes that the system holds for a socket, and so the size of one read; it may double the number. */
export function boundReceiveBuffer(fd: number, bytes: number): void {
  const value = new Int32Array([bytes]);
  posixCalls()?.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, value.byteLength);
}

/** How many bytes the other side of a TCP connection has taken; null where the system does not say. */
export function acknowledgedBytes(fd: number): number | null {
  if (process.platform !== "linux") return null;
  const info = new BigUint64Array(TCP_INFO_NUMBERS);
  const size = new Uint32Array([info.byteLength]);
  const isKnown = posixCalls()?.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, size) === 0;
  return isKnown && size[0] === info.byteLength ? Number(info[BYTES_ACKED_INDEX]) : null;
}
