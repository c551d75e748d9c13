// Tells a Unix socket with a full queue from one without a process: the runtime calls both refused (connect(2)).
import { ptr, read } from "bun:ffi";
import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { describeExcess } from "../unix-socket.ts";
import { linuxCalls } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
/** The queue of the listening socket is full. */
const EAGAIN = 11;

/** Whether a process listens on a Unix socket, also with a full queue; never waits. False where it can't be told. */
export function isListening(path: string): boolean {
  if (describeExcess(path) === null) return accepts(path);
  try {
    const directory = openSync(dirname(path), constants.O_DIRECTORY);
    const isAccepted = accepts(`/proc/self/fd/${directory}/${basename(path)}`);
    closeSync(directory);
    return isAccepted;
  } catch {
    return false;
  }
}

function accepts(path: string): boolean {
  const calls = linuxCalls();
  if (calls === null) return false;
  const fd = calls.socket(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const address = renderAddress(path);
  const isConnected = calls.connect(fd, ptr(address), address.length) === 0;
  const error = isConnected ? 0 : errorNumber(calls.__errno_location());
  calls.close(fd);
  return isConnected || error === EAGAIN;
}

function errorNumber(location: Parameters<typeof read.i32>[0] | null): number {
  return location === null ? 0 : read.i32(location);
}

/** `struct sockaddr_un`: the family, then the path with its final NUL. */
function renderAddress(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, Buffer.from(`${path}\0`)]);
}
