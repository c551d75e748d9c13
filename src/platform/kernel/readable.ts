// Looks whether a socket has bytes, an end or an error to report that the event loop has not come to yet (poll(2)).
import { ptr } from "bun:ffi";
import { posixCalls } from "./libc.ts";

const POLLIN = 0x1;
/** The other end sends no more. Linux alone reports it before the bytes in front of it are read. */
const POLLRDHUP = 0x2000;

/** `struct pollfd`: the descriptor, then the wanted and the returned events, 16 bits each. */
const POLLED = new Int32Array(2);

/** Never waits; true where the system can't be asked. */
export function isReadable(fd: number): boolean {
  return hasEvent(fd, POLLIN);
}

/** Whether the other end sends no more than is here unread; false where the system does not report it. */
export function hasEnded(fd: number): boolean {
  return process.platform === "linux" && hasEvent(fd, POLLRDHUP);
}

function hasEvent(fd: number, events: number): boolean {
  POLLED[0] = fd;
  POLLED[1] = events;
  return posixCalls()?.poll(ptr(POLLED), 1, 0) !== 0;
}
