// Counts of a TCP connection that the runtime has no name for (tcp(7)).
import { posixCalls } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** The place of `tcpi_bytes_acked` in `struct tcp_info`, by eight bytes. */
const BYTES_ACKED_INDEX = 15;
const TCP_INFO_NUMBERS = 16;

/** How many bytes the other side of a TCP connection has taken; null where the system does not say. */
export function acknowledgedBytes(fd: number): number | null {
  if (process.platform !== "linux") return null;
  const info = new BigUint64Array(TCP_INFO_NUMBERS);
  const size = new Uint32Array([info.byteLength]);
  const isKnown = posixCalls()?.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, size) === 0;
  return isKnown && size[0] === info.byteLength ? Number(info[BYTES_ACKED_INDEX]) : null;
}
