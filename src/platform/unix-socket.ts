// Binds Unix sockets for their owner only, in place of a previous server's without a gap.
import { renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, TenError } from "../core/errors.ts";

/** The length of `sun_path` without its final NUL. */
const PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

/** Owner only. The mask applies to the whole process, but binding is synchronous: nothing else runs under it. */
const OWNER_ONLY_MASK = 0o177;

export interface Bound<Listener> {
  readonly listener: Listener;
  /** Removes the path, unless another server has taken it. */
  leave(): void;
}

/**
 * Binds a socket and moves it to its path, in place of a previous server's. A client reaches one of the two; the
 * socket without a path keeps its connections. One server a directory: see `lockDirectory`.
 * @param bind synchronous; gets a path in the same directory. Throws LISTEN_FAILED
 */
export function bindInPlace<Listener>(
  path: string,
  bind: (aside: string) => Listener,
): Bound<Listener> {
  refuseLong(path);
  const aside = `${dirname(path)}/.new`;
  const before = process.umask(OWNER_ONLY_MASK);
  try {
    rmSync(aside, { force: true });
    const listener = bind(aside);
    const own = inodeOf(aside);
    renameSync(aside, path);
    return { listener, leave: () => inodeOf(path) === own && rmSync(path, { force: true }) };
  } catch (cause) {
    throw new TenError("LISTEN_FAILED", `Cannot listen on "${path}": ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    process.umask(before);
  }
}

/** Undefined: there is no such file. */
function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

/** The length of a path that is too long for a socket, with the limit; null: it is short enough. */
export function describeExcess(path: string): string | null {
  const length = Buffer.byteLength(path);
  if (length <= PATH_BYTES_MAX) return null;
  return `has ${length} bytes, ${PATH_BYTES_MAX} are possible`;
}

function refuseLong(path: string): void {
  const excess = describeExcess(path);
  if (excess === null) return;
  throw new TenError("LISTEN_FAILED", `Cannot listen on "${path}": its path ${excess}`, {
    hint: "Choose a shorter data directory with --data-dir or data_dir in [settings]",
  });
}
