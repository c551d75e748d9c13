// Looks whether a socket has bytes, an end or an error to report that the event loop has not come to yet (poll(2)).
import { ptr } from "bun:ffi";
import { posixCalls } from "./libc.ts";

const POLLIN = 1;

/** `struct pollfd`: the descriptor, then the wanted and the returned events, 16 bits each. */
const POLLED = new Int32Array(2);

/** Never waits; true where the system can't be asked. */
export function isReadable(fd: number): boolean {
  POLLED[0] = fd;
  POLLED[1] = POLLIN;
  return posixCalls()?.poll(ptr(POLLED), 1, 0) !== 0;
}
