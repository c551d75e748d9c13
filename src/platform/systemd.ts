// systemd's protocols: notifications by sd_notify(3), listening sockets by sd_listen_fds(3).
import { ptr } from "bun:ffi";
import { linuxCalls } from "./kernel/libc.ts";

const AF_UNIX = 1;
const CLOCK_MONOTONIC = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
/** In `struct sockaddr_un`, after two bytes of family. */
const PATH_BYTES_MAX = 108;

/** The first one after standard input, output and error. */
const FIRST_DESCRIPTOR = 3;

export type Notify = (state: Readonly<Record<string, string>>) => void;

/**
 * Sends `READY=1` and the like as datagrams to the socket in NOTIFY_SOCKET, for which Bun has no call; does nothing
 * without a service manager. Ignores a failure: the manager would only learn of the state late.
 */
export function openNotify(env: Readonly<Record<string, string | undefined>>): Notify {
  const path = env["NOTIFY_SOCKET"] ?? "";
  const address = renderAddress(path);
  if (address === null) return () => undefined;
  const libc = linuxCalls();
  if (libc === null) return () => undefined;
  return (state) => {
    const lines = Object.entries(state).map(([name, value]) => `${name}=${value}`);
    const text = Buffer.from(lines.join("\n"));
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) return;
    libc.sendto(fd, ptr(text), text.length, 0, ptr(address), address.length);
    libc.close(fd);
  };
}

/** CLOCK_MONOTONIC in microseconds, as RELOADING=1 needs it; Bun's own clock has another origin. */
export function monotonicMicroseconds(): string {
  const time = new BigInt64Array(2);
  linuxCalls()?.clock_gettime(CLOCK_MONOTONIC, ptr(time));
  const [seconds = 0n, nanoseconds = 0n] = time;
  return String(seconds * 1_000_000n + nanoseconds / 1000n);
}

/** The listening sockets that systemd opened for this process, as descriptors; null: none. */
export function activatedDescriptors(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): readonly number[] | null {
  const { LISTEN_PID: owner, LISTEN_FDS: count } = env;
  // A process also inherits the variables that were meant for an ancestor.
  if (owner !== String(pid) || count === undefined || !/^[1-9]\d{0,3}$/.test(count)) return null;
  return Array.from({ length: Number(count) }, (_, index) => FIRST_DESCRIPTOR + index);
}

/** Null for anything but the address of a Unix socket. An abstract name begins with @, in the address with NUL. */
function renderAddress(path: string): Buffer | null {
  if (process.platform !== "linux" || !/^[/@]./.test(path)) return null;
  const name = Buffer.from(path);
  if (name.length > PATH_BYTES_MAX) return null;
  if (path.startsWith("@")) name[0] = 0;
  const address = Buffer.alloc(2 + name.length + (path.startsWith("@") ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}
