// Serves HTTP on the Unix sockets of the control API, and WebSockets where a session asks for one.
import { type Bound, bindInPlace } from "../platform/unix-socket.ts";
import { MESSAGE_BYTES_MAX } from "./wire/exec-frames.ts";
import type { SocketSession } from "./wire/operation.ts";

/** A client that answers no ping within it is gone. */
const SOCKET_IDLE_SECONDS = 30;

/** Makes the connection of a request a WebSocket. False: the request does not ask for one. */
export type Upgrade = (session: SocketSession) => boolean;

/** Undefined: the connection has become a WebSocket. */
export type Reply = Response | undefined;

const WEBSOCKET: Bun.WebSocketHandler<SocketSession> = {
  maxPayloadLength: MESSAGE_BYTES_MAX,
  idleTimeout: SOCKET_IDLE_SECONDS,
  sendPings: true,
  open(socket) {
    socket.data.open({
      send(message) {
        socket.send(message);
      },
      close: () => socket.close(),
    });
  },
  message: (socket, message) => socket.data.message(message),
  close: (socket) => socket.data.closed(),
};

/** Listens on a Unix socket, mode 0600; takes the path over from an earlier server. Throws LISTEN_FAILED. */
export function serveSocket(
  path: string,
  answer: (request: Request, upgrade: Upgrade) => Promise<Reply>,
): Bound<Bun.Server<SocketSession>> {
  return bindInPlace(path, (unix) => {
    // Orders take long and event streams stay open, so no connection is closed as idle. The types lack the option for
    // Unix sockets, although its default of 10 s applies to them.
    const options = {
      unix,
      fetch: (request: Request, server: Bun.Server<SocketSession>) =>
        answer(request, (data) => server.upgrade(request, { data })),
      websocket: WEBSOCKET,
      idleTimeout: 0,
      development: false,
    };
    return Bun.serve(options as unknown as Bun.Serve.Options<SocketSession>);
  });
}
