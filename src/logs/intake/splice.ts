// Reads named pipes by system calls that Bun has no name for: which of many pipes have something to
// read, and moving it into a file inside the kernel, where no crash finds it half way.
import { ptr } from "bun:ffi";
import { linuxCalls, posixCalls } from "../../platform/kernel/libc.ts";

const POLLIN = 1;
const SPLICE_NONBLOCK = 2;
const SET_PIPE_SIZE = 1031;
/**
 * The most that root may ask for by default (`fs.pipe-max-size`): a tenant writes this much before it has to wait for
 * the server.
 */
const PIPE_BYTES = 1 << 20;

/** Tells which of some pipes have bytes or have ended; never waits. */
export class PipePoll {
  readonly #fds: readonly number[];
  readonly #table: Int32Array;

  constructor(fds: readonly number[]) {
    this.#fds = fds;
    // One `struct pollfd` each: the descriptor, then the wanted and the returned events, 16 bits each.
    this.#table = new Int32Array(fds.length * 2);
    fds.forEach((fd, index) => {
      this.#table[index * 2] = fd;
    });
  }

  /** Indices of the pipes worth reading; all of them where the system can't be asked. */
  ready(): number[] {
    const table = this.#table;
    const indices = [...this.#fds.keys()];
    const libc = posixCalls();
    if (libc === null || indices.length === 0) return indices;
    for (const index of indices) table[index * 2 + 1] = POLLIN;
    const count = libc.poll(ptr(table), indices.length, 0);
    return count === 0 ? [] : indices.filter((index) => (table[index * 2 + 1] ?? 0) >>> 16 !== 0);
  }
}

/**
 * Moves at most `length` bytes out of a pipe to `position` of a file, without a copy in this process.
 * Returns how many; 0 when the pipe has ended; -1 when it is empty for now, the file system refuses or the platform
 * can't.
 */
export function splice(move: {
  pipe: number;
  file: number;
  position: number;
  length: number;
}): number {
  const libc = linuxCalls();
  if (libc === null) return -1;
  const position = new BigInt64Array([BigInt(move.position)]);
  const { pipe, file, length } = move;
  return Number(libc.splice(pipe, null, file, ptr(position), length, SPLICE_NONBLOCK));
}

/** Makes a pipe hold a megabyte, where that costs nothing: only root is exempt from the limit on all pipes together. */
export function growPipe(fd: number): void {
  if (process.getuid?.() === 0) linuxCalls()?.fcntl(fd, SET_PIPE_SIZE, PIPE_BYTES);
}
