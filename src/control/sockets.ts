// Unix sockets of the control API: bound for their owner alone, stale files cleared away.
import { rmSync } from "node:fs";
import { messageOf, TenError } from "../core/errors.ts";

/** What fits into `sun_path` before its final NUL. */
const PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

/** Owner only. The mask is the whole process's, but binding is synchronous: nothing else runs under it. */
const OWNER_ONLY_MASK = 0o177;

/**
 * Serves HTTP on a Unix socket, mode 0600. Throws LISTEN_FAILED, or SERVER_RUNNING when another server answers
 * on it; the file that a dead server left is removed.
 */
export async function serveSocket(
  path: string,
  answer: (request: Request) => Promise<Response>,
): Promise<Bun.Server<undefined>> {
  const length = Buffer.byteLength(path);
  if (length > PATH_BYTES_MAX) {
    const state = `its path has ${length} bytes, ${PATH_BYTES_MAX} are possible`;
    throw new TenError("LISTEN_FAILED", `Cannot listen on "${path}": ${state}`, {
      hint: "Choose a shorter data directory with --data-dir or data_dir in [settings]",
    });
  }
  if (await isAnswered(path)) {
    throw new TenError("SERVER_RUNNING", `Cannot listen on "${path}": another server does`);
  }
  rmSync(path, { force: true });
  return bind(path, answer);
}

function bind(unix: string, fetch: (request: Request) => Promise<Response>): Bun.Server<undefined> {
  const before = process.umask(OWNER_ONLY_MASK);
  try {
    // An order may take long, and an event stream lasts: nothing here is cut for being idle. The types leave
    // the option out for Unix sockets, where the limit of 10 s holds all the same.
    const options = { unix, fetch, idleTimeout: 0, development: false };
    return Bun.serve(options as unknown as Bun.Serve.Options<undefined>);
  } catch (cause) {
    throw new TenError("LISTEN_FAILED", `Cannot listen on "${unix}": ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    process.umask(before);
  }
}

async function isAnswered(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  Bun.connect({
    unix: path,
    socket: {
      open(socket) {
        socket.end();
        resolve(true);
      },
      connectError: () => resolve(false),
      data: () => undefined,
    },
  }).catch(() => resolve(false));
  return await promise;
}
