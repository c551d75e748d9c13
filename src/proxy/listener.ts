// The public listeners, on addresses or inherited descriptors; owns the client connections and their common timer.
import { createServer, type Server, type Socket } from "node:net";
import type { Endpoint } from "../core/endpoint.ts";
import { messageOf, TenError } from "../core/errors.ts";
import type { Clock } from "../platform/clock.ts";
import { type Bound, bindInPlace } from "../platform/unix-socket.ts";
import type { Gateway } from "../supervisor/gateway.ts";
import { Connection } from "./client/connection.ts";
import type { ExchangeRecord } from "./exchange/outcome.ts";
import type { ProxyContext } from "./exchange/proxy-context.ts";
import {
  type Peer,
  PREVIOUS_SERVER,
  parseTrustedProxies,
  plainAddress,
  type TrustCheck,
} from "./http/forwarded.ts";
import { UpstreamPool } from "./upstream/pool.ts";

export type Listen =
  /** All hosts on the same port; 0 chooses one. */
  | { readonly kind: "address"; readonly hosts: readonly string[]; readonly port: number }
  /** Listening sockets that another program opened. */
  | { readonly kind: "descriptors"; readonly fds: readonly number[] };

export interface ProxyOptions {
  readonly gateway: Gateway;
  /** Where the API and the dashboard listen. */
  readonly control: Endpoint;
  readonly clock: Clock;
  /** Addresses or CIDR blocks. */
  readonly trustedProxies: readonly string[];
  readonly observe: (exchange: ExchangeRecord) => void;
  readonly listen: Listen;
}

export interface Proxy {
  readonly port: number;
  /** Of the listening sockets, for the next server. */
  readonly descriptors: readonly number[];
  /** Accepts on a Unix socket the requests that previous servers relay. Throws LISTEN_FAILED. */
  openRelay(path: string): void;
  /** From now on every request goes to another server once that one serves, those that wait for a tenant as well. */
  forwardTo(nextServer: Promise<Endpoint>): void;
  /** Requests go to tenants, as from the beginning. */
  serve(gateway: Gateway): void;
  /** Accepts no more, and ends each connection with its next answer. Resolves when none is left. */
  retire(): Promise<void>;
  /** Replaces the trusted addresses, from the next connection on. */
  trust(trustedProxies: readonly string[]): void;
  /** Serves a connection that was accepted elsewhere, such as one with TLS. */
  accept(socket: Socket, protocol: "http" | "https"): void;
  /** Accepts no more, ends idle connections at once, and resolves when the open exchanges are done. */
  close(): Promise<void>;
  /** Cuts all connections. */
  abort(): void;
}

/** One timer for all connections: one each would cost more than its precision is worth. */
const SWEEP_MS = 250;

/** After that much silence the system probes whether the client's machine is still there. */
const KEEP_ALIVE_PROBE_MS = 60_000;

const ACCEPTING = { allowHalfOpen: true, noDelay: true };

/** Opens the public listener; throws LISTEN_FAILED naming address and port. */
export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  const proxy = new ListeningProxy(options);
  await proxy.listen(options.listen);
  return proxy;
}

class ListeningProxy implements Proxy {
  port = 0;
  readonly #context: ProxyContext;
  #isTrusted: TrustCheck;
  readonly #servers: Server[] = [];
  #relay: Bound<Server> | null = null;
  readonly #connections = new Set<Connection>();
  #sweeping = false;
  #closing: PromiseWithResolvers<void> | null = null;

  constructor({ gateway, control, clock, trustedProxies, observe }: ProxyOptions) {
    const pool = new UpstreamPool(clock);
    this.#context = { gateway, nextServer: null, control, clock, pool, observe };
    this.#isTrusted = parseTrustedProxies(trustedProxies);
  }

  async listen(listen: Listen): Promise<void> {
    try {
      if (listen.kind === "descriptors") {
        for (const fd of listen.fds) await this.#listenOn({ fd });
        return;
      }
      this.port = listen.port;
      for (const host of listen.hosts) await this.#listenOn({ host, port: this.port });
    } catch (error) {
      this.#stopListening();
      throw error;
    }
  }

  get descriptors(): readonly number[] {
    return this.#servers.map(descriptorOf);
  }

  openRelay(path: string): void {
    const relay = createServer(ACCEPTING, (socket) => this.#serve(socket, PREVIOUS_SERVER));
    this.#relay = bindInPlace(path, (aside) => relay.listen(aside));
  }

  forwardTo(nextServer: Promise<Endpoint>): void {
    this.#context.nextServer = nextServer;
  }

  serve(gateway: Gateway): void {
    this.#context.gateway = gateway;
    this.#context.nextServer = null;
  }

  retire(): Promise<void> {
    return this.#end("one");
  }

  trust(trustedProxies: readonly string[]): void {
    this.#isTrusted = parseTrustedProxies(trustedProxies);
  }

  accept(socket: Socket, protocol: "http" | "https"): void {
    const address = plainAddress(socket.remoteAddress ?? "");
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    this.#serve(socket, { address, protocol, trusted: this.#isTrusted(address), relays: false });
  }

  #serve(socket: Socket, peer: Peer): void {
    const onClose = (connection: Connection) => this.#forget(connection);
    this.#connections.add(new Connection({ socket, peer, context: this.#context, onClose }));
    this.#scheduleSweep();
  }

  close(): Promise<void> {
    return this.#end("none");
  }

  abort(): void {
    this.close().catch(() => undefined);
    for (const connection of this.#connections) connection.destroy();
  }

  #end(left: "one" | "none"): Promise<void> {
    this.#closing ??= Promise.withResolvers();
    this.#stopListening();
    // Before that, a connection may still bring requests that wait for the relay.
    if (left === "none") {
      this.#closeRelay();
      this.#context.pool.close();
    }
    for (const connection of this.#connections) connection.limitRequests(left);
    this.#settle();
    return this.#closing.promise;
  }

  async #listenOn(where: { host: string; port: number } | { fd: number }): Promise<void> {
    const server = createServer(ACCEPTING, (socket) => this.accept(socket, "http"));
    this.#servers.push(server);
    const listening = Promise.withResolvers<void>();
    server.once("error", (error) => listening.reject(listenFailed(where, error)));
    server.listen(where, listening.resolve);
    await listening.promise;
    const address = server.address();
    if (address !== null && typeof address === "object") this.port = address.port;
  }

  #stopListening(): void {
    for (const server of this.#servers.splice(0)) server.close();
  }

  #closeRelay(): void {
    this.#relay?.listener.close();
    this.#relay?.leave();
    this.#relay = null;
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    this.#settle();
  }

  #settle(): void {
    if (this.#closing === null || this.#connections.size > 0) return;
    this.#closeRelay();
    this.#context.pool.close();
    this.#closing.resolve();
  }

  #scheduleSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#context.clock.after(SWEEP_MS, () => {
      this.#sweeping = false;
      const now = this.#context.clock.now();
      for (const connection of this.#connections) connection.sweep(now);
      this.#context.pool.sweep(now);
      if (this.#connections.size + this.#context.pool.idleCount > 0) this.#scheduleSweep();
    });
  }
}

/** Node's types omit it; a process can be started with it. */
function descriptorOf(server: Server): number {
  return (server as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

function listenFailed(
  where: { host: string; port: number } | { fd: number },
  error: Error,
): TenError {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const place = "fd" in where ? `descriptor ${where.fd}` : `${where.host} port ${where.port}`;
  return new TenError(
    "LISTEN_FAILED",
    `Cannot listen on "${place}": ${REASONS[code] ?? messageOf(error)}`,
    {
      ...(HINTS[code] === undefined ? {} : { hint: HINTS[code] }),
      cause: error,
    },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EACCES: "this user may not open that port",
  EADDRNOTAVAIL: "this machine does not have that address",
};

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "Stop that program, or choose another port with --port",
  EACCES: "Choose a port above 1023, or grant the capability CAP_NET_BIND_SERVICE",
  EADDRNOTAVAIL: "Choose an address of this machine with --bind",
};
