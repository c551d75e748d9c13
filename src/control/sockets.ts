// HTTP on the Unix sockets of the control API.
import { type Bound, bindInPlace } from "../platform/unix-socket.ts";

/** Serves HTTP on a Unix socket, mode 0600; takes the path from an earlier server. Throws LISTEN_FAILED. */
export function serveSocket(
  path: string,
  answer: (request: Request) => Promise<Response>,
): Bound<Bun.Server<undefined>> {
  return bindInPlace(path, (unix) => {
    // An order may take long, and an event stream lasts: nothing here is cut for being idle. The types leave
    // the option out for Unix sockets, where the limit of 10 s holds all the same.
    const options = { unix, fetch: answer, idleTimeout: 0, development: false };
    return Bun.serve(options as unknown as Bun.Serve.Options<undefined>);
  });
}
