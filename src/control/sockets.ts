// Serves HTTP on the Unix sockets of the control API.
import { type Bound, bindInPlace } from "../platform/unix-socket.ts";

/** Listens on a Unix socket, mode 0600; takes the path over from an earlier server. Throws LISTEN_FAILED. */
export function serveSocket(
  path: string,
  answer: (request: Request) => Promise<Response>,
): Bound<Bun.Server<undefined>> {
  return bindInPlace(path, (unix) => {
    // Orders take long and event streams stay open, so no connection is closed as idle. The types lack the option for
    // Unix sockets, although its default of 10 s applies to them.
    const options = { unix, fetch: answer, idleTimeout: 0, development: false };
    return Bun.serve(options as unknown as Bun.Serve.Options<undefined>);
  });
}
