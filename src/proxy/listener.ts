// The proxy as a whole: its listeners and connections, opened, replaced by another server's, and closed.
import { createServer, type Server, type Socket } from "node:net";
import type { Endpoint } from "../core/endpoint.ts";
import type { ConnectionFate } from "../metrics/statistics.ts";
import { type AddressCheck, parseAddressBlocks } from "../platform/addresses.ts";
import type { Clock } from "../platform/clock.ts";
import { descriptorOf, lowestFreeDescriptor } from "../platform/kernel/descriptors.ts";
import { type Bound, bindInPlace } from "../platform/unix-socket.ts";
import type { Gateway } from "../supervisor/gateway.ts";
import { Connections } from "./connections.ts";
import type { ExchangeRecord } from "./exchange/outcome.ts";
import type { ProxyContext } from "./exchange/proxy-context.ts";
import { type Peer, plainAddress, previousServer } from "./http/forwarded.ts";
import { isTrustedProxy } from "./http/trust.ts";
import { limitsOf, type ProxySettings } from "./limits.ts";
import { ACCEPTING, PublicListener } from "./public-listener.ts";
import { Turns } from "./turns.ts";
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
  readonly settings: ProxySettings;
  /** Whether a user of this host is that of a tenant: its forwarded headers are never believed. */
  readonly isTenant: (user: number) => boolean;
  readonly observe: (exchange: ExchangeRecord) => void;
  /** A client's connection was refused, or ended by the proxy for want of room. */
  readonly observeConnection: (fate: ConnectionFate) => void;
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
  /** Replaces the trusted addresses and the limits, from the next connection on. */
  configure(settings: ProxySettings): void;
  /** Serves a connection that was accepted elsewhere, such as one with TLS. */
  accept(socket: Socket, protocol: "http" | "https"): void;
  /** Accepts no more, ends idle connections at once, and resolves when the open exchanges are done. */
  close(): Promise<void>;
  /** Cuts all connections. */
  abort(): void;
}

/** One timer for all connections: one each would cost more than its precision is worth. */
const SWEEP_MS = 250;

/** Without connections: other users of descriptors may leave none for an accept, which would be tried without end. */
const REST_SWEEP_MS = 1000;

/** After that much silence the system probes whether the client's machine is still there. */
const KEEP_ALIVE_PROBE_MS = 60_000;

/** Opens the public listener; throws LISTEN_FAILED naming address and port. */
export async function openProxy(options: ProxyOptions): Promise<Proxy> {
  const proxy = new ListeningProxy(options);
  await proxy.listen(options.listen);
  return proxy;
}

class ListeningProxy implements Proxy {
  port = 0;
  readonly #context: ProxyContext;
  readonly #connections: Connections;
  readonly #listeners: PublicListener[] = [];
  readonly #isTenant: (user: number) => boolean;
  #trusts: AddressCheck;
  #relay: Bound<Server> | null = null;
  #sweep: { readonly withinMs: number; readonly cancel: () => void } | null = null;
  #closing: PromiseWithResolvers<void> | null = null;

  constructor({ clock, settings, ...options }: ProxyOptions) {
    const { gateway, control, isTenant, observe, observeConnection } = options;
    const turns = new Turns(clock);
    const pool = new UpstreamPool(clock, turns);
    const parts = { gateway, control, clock, turns, pool, observe, observeConnection };
    this.#context = { ...parts, limits: limitsOf(settings), nextServer: null };
    const onEmpty = () => this.#settle();
    this.#connections = new Connections(this.#context, onEmpty);
    this.#isTenant = isTenant;
    this.#trusts = parseAddressBlocks(settings.trustedProxies);
  }

  async listen(listen: Listen): Promise<void> {
    const accept = (socket: Socket) => this.accept(socket, "http");
    const places =
      listen.kind === "descriptors"
        ? listen.fds.map((fd) => ({ fd }))
        : listen.hosts.map((host) => ({ host, port: listen.port }));
    try {
      for (const place of places) {
        // All hosts share the port that the system chose for the first.
        const at = "host" in place ? { ...place, port: this.port || place.port } : place;
        const listener = await PublicListener.open(at, accept);
        this.#listeners.push(listener);
        this.port = listener.port;
      }
    } catch (error) {
      this.#stopListening();
      throw error;
    }
    this.#sweepWithin(REST_SWEEP_MS);
  }

  get descriptors(): readonly number[] {
    return this.#listeners.map(({ descriptor }) => descriptor);
  }

  openRelay(path: string): void {
    const relay = createServer(ACCEPTING, (socket) =>
      this.#admit(socket, previousServer(this.#trusts)),
    );
    const former = this.#relay;
    this.#relay = bindInPlace(path, (aside) => relay.listen(aside));
    // Left by a handover that failed: the path no longer leads there.
    former?.listener.close();
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

  configure(settings: ProxySettings): void {
    this.#trusts = parseAddressBlocks(settings.trustedProxies);
    this.#context.limits = limitsOf(settings);
  }

  accept(socket: Socket, protocol: "http" | "https"): void {
    const address = plainAddress(socket.remoteAddress ?? "");
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    const trusts = this.#trusts;
    const trusted = isTrustedProxy(socket, { trusts, isTenant: this.#isTenant });
    this.#admit(socket, { address, protocol, trusted, trusts, relays: false });
  }

  close(): Promise<void> {
    return this.#end("none");
  }

  abort(): void {
    this.close().catch(() => undefined);
    this.#connections.destroy();
  }

  #end(left: "one" | "none"): Promise<void> {
    this.#closing ??= Promise.withResolvers();
    this.#stopListening();
    // Before that, a connection may still bring requests that wait for the relay.
    if (left === "none") {
      this.#closeRelay();
      this.#context.pool.close();
    }
    this.#connections.limitRequests(left);
    this.#settle();
    return this.#closing.promise;
  }

  #admit(socket: Socket, peer: Peer): void {
    this.#connections.admit(socket, peer);
    this.#sweepWithin(SWEEP_MS);
    const descriptor = descriptorOf(socket) ?? 0;
    if (descriptor >= this.#context.limits.reservedFrom) this.#keepReserve();
  }

  /** Accepts only while descriptors are free without those in reserve. */
  #keepReserve(): void {
    const isScarce = lowestFreeDescriptor() >= this.#context.limits.reservedFrom;
    if (isScarce) this.#connections.makeRoom();
    for (const listener of this.#listeners) {
      if (isScarce) listener.pause();
      else listener.resume();
    }
  }

  #stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  #closeRelay(): void {
    this.#relay?.listener.close();
    this.#relay?.leave();
    this.#relay = null;
  }

  #settle(): void {
    if (this.#closing === null || this.#connections.size > 0) return;
    this.#closeRelay();
    this.#context.pool.close();
    this.#closing.resolve();
  }

  #sweepWithin(withinMs: number): void {
    if (this.#sweep !== null && this.#sweep.withinMs <= withinMs) return;
    this.#sweep?.cancel();
    const cancel = this.#context.clock.after(withinMs, () => this.#onSweep());
    this.#sweep = { withinMs, cancel };
  }

  #onSweep(): void {
    this.#sweep = null;
    const { clock, pool } = this.#context;
    const now = clock.now();
    this.#connections.sweep(now);
    pool.sweep(now);
    this.#keepReserve();
    if (this.#connections.size + pool.idleCount > 0) this.#sweepWithin(SWEEP_MS);
    else if (this.#listeners.length > 0) this.#sweepWithin(REST_SWEEP_MS);
  }
}
