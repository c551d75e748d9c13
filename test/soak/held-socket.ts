// A listening socket that the soak holds, so that connections wait for the next server instead of being refused.
import { dlopen, ptr } from "bun:ffi";
import { libcPath } from "../../src/platform/kernel/libc.ts";

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const BACKLOG = 4096;
const ADDRESS_BYTES = 16;

const CALLS = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
} as const;

/** Listens on a port of 127.0.0.1; returns the descriptor. */
export function holdSocket(port: number): number {
  const path = libcPath();
  if (path === null) throw new Error("The C library is unknown here");
  const libc = dlopen(path, CALLS).symbols;
  const fd = libc.socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ptr(new Int32Array([1])), 4);
  const address = new DataView(new ArrayBuffer(ADDRESS_BYTES));
  address.setUint16(0, AF_INET, true);
  address.setUint16(2, port);
  address.setUint32(4, 0x7f000001);
  const isBound = libc.bind(fd, ptr(new Uint8Array(address.buffer)), ADDRESS_BYTES) === 0;
  if (fd >= 0 && isBound && libc.listen(fd, BACKLOG) === 0) return fd;
  throw new Error(`Cannot listen on port ${port}`);
}
