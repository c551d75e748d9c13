// Options of sockets that the runtime has no name for (socket(7)).
import { posixCalls } from "./libc.ts";

const { SOL_SOCKET, SO_RCVBUF } =
  process.platform === "darwin"
    ? { SOL_SOCKET: 0xffff, SO_RCVBUF: 0x1002 }
    : { SOL_SOCKET: 1, SO_RCVBUF: 8 };

/** Bounds the bytes that the system holds for a socket, and so the size of one read; it may double the number. */
export function boundReceiveBuffer(fd: number, bytes: number): void {
  const value = new Int32Array([bytes]);
  posixCalls()?.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, value.byteLength);
}
