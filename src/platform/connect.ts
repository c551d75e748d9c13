// Connects to an endpoint: a TCP address or a Unix socket.
import type { Endpoint } from "../core/endpoint.ts";

interface ConnectOptions {
  /** The connection stays open for writing after the other side has ended. */
  readonly allowHalfOpen?: boolean;
}

/** Rejects when nothing listens there. */
export function connect(
  endpoint: Endpoint,
  socket: Bun.SocketHandler<undefined>,
  { allowHalfOpen = false }: ConnectOptions = {},
): Promise<Bun.Socket<undefined>> {
  return endpoint.kind === "unix"
    ? Bun.connect<undefined>({ unix: endpoint.path, allowHalfOpen, socket })
    : Bun.connect<undefined>({
        hostname: endpoint.host,
        port: endpoint.port,
        allowHalfOpen,
        socket,
      });
}
