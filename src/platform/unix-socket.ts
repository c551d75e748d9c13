// Where this server's Unix sockets are bound: for their owner alone, and in place of an earlier server's without a gap.
import { renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, TenError } from "../core/errors.ts";

/** What fits into `sun_path` before its final NUL. */
const PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

/** Owner only. The mask is the whole process's, but binding is synchronous: nothing else runs under it. */
const OWNER_ONLY_MASK = 0o177;

export interface Bound<Listener> {
  readonly listener: Listener;
  /** Removes the path, unless another server has taken it. */
  leave(): void;
}

/**
 * Binds a socket and gives it its path, taking that from a server that had it before. Whoever connects meets one of the
 * two; a socket that lost its path serves the connections that it has. One server a directory: see `lockDirectory`.
 * @param bind synchronous; is given a path in the same directory. Throws LISTEN_FAILED
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

function refuseLong(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= PATH_BYTES_MAX) return;
  const state = `its path has ${length} bytes, ${PATH_BYTES_MAX} are possible`;
  throw new TenError("LISTEN_FAILED", `Cannot listen on "${path}": ${state}`, {
    hint: "Choose a shorter data directory with --data-dir or data_dir in [settings]",
  });
}
