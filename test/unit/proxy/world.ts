// A proxy between raw sockets: a gateway, tenants and clients whose every byte the tests decide.
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint } from "../../../src/core/endpoint.ts";
import { formatRef, type InstanceRef, parseRef } from "../../../src/core/ref.ts";
import type { Target } from "../../../src/core/routing.ts";
import type { Service } from "../../../src/core/service.ts";
import type { ExchangeRecord } from "../../../src/proxy/exchange/outcome.ts";
import { type Proxy as OpenProxy, openProxy } from "../../../src/proxy/listener.ts";
import type { Gateway, Lease, Patience } from "../../../src/supervisor/gateway.ts";
import { FakeClock } from "../../support/fake-clock.ts";

export interface FakeLease extends Lease {
  readonly state: { released: boolean; tunneled: boolean };
}

interface Waiter {
  readonly ref: InstanceRef;
  readonly patience: Patience;
  readonly lease: PromiseWithResolvers<Lease>;
}

/** Everything goes to `notes:alice` unless told otherwise. */
export class FakeGateway implements Gateway {
  target: Target = { kind: "instance", ref: parseRef("notes:alice") };
  requestTimeoutMs = 0;
  waitingPage = false;
  readonly decided: { host: string; path: string }[] = [];
  readonly leases: FakeLease[] = [];
  readonly running = new Map<string, { endpoint: Endpoint; launch: number }>();
  /** In the order in which a pick takes them. */
  candidates: string[] = [];
  #waiters: Waiter[] = [];
  #wakeHook: (() => void)[] = [];

  decide(request: { host: string; path: string }): Target {
    this.decided.push(request);
    this.#notify();
    return this.target;
  }

  service(name: string): Service {
    const { requestTimeoutMs, waitingPage } = this;
    return { name, requestTimeoutMs, waitingPage } as Service;
  }

  pick(_service: string, passedOver: ReadonlySet<string>): InstanceRef | null {
    const key = this.candidates.find((candidate) => !passedOver.has(candidate));
    return key === undefined ? null : parseRef(key);
  }

  lease(ref: InstanceRef): Lease | null {
    const child = this.running.get(formatRef(ref));
    return child === undefined ? null : this.#open(ref, child);
  }

  wake(ref: InstanceRef, patience: Patience): Promise<Lease> {
    const running = this.running.get(formatRef(ref));
    if (running !== undefined) return Promise.resolve(this.#open(ref, running));
    const waiter = { ref, patience, lease: Promise.withResolvers<Lease>() };
    patience.signal.addEventListener("abort", () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      waiter.lease.reject(patience.signal.reason);
      this.#notify();
    });
    this.#waiters.push(waiter);
    this.#notify();
    return waiter.lease.promise;
  }

  get waiters(): readonly Waiter[] {
    return this.#waiters;
  }

  get openLeases(): number {
    return this.leases.filter(({ state }) => !state.released).length;
  }

  run(key: string, endpoint: Endpoint, launch = 1): void {
    this.running.set(key, { endpoint, launch });
    for (const { ref, lease } of this.#waiters.splice(0)) {
      lease.resolve(this.#open(ref, { endpoint, launch }));
    }
  }

  refuse(error: Error): void {
    for (const { lease } of this.#waiters.splice(0)) lease.reject(error);
  }

  /** Resolves when the queue or a lease has come into that state. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wakeHook.push(resolve));
  }

  #open(ref: InstanceRef, child: { endpoint: Endpoint; launch: number }): FakeLease {
    const state = { released: false, tunneled: false };
    const lease: FakeLease = {
      ref,
      ...child,
      state,
      tunnel: () => {
        state.tunneled = true;
        this.#notify();
      },
      release: () => {
        state.released = true;
        this.#notify();
      },
    };
    this.leases.push(lease);
    this.#notify();
    return lease;
  }

  #notify(): void {
    for (const resolve of this.#wakeHook.splice(0)) resolve();
  }
}

/** One end of a connection: what has come, and waiting for more of it. */
export class Wire {
  readonly socket: Socket;
  /** Latin-1, so that a character is a byte. */
  received = "";
  ended = false;
  closed = false;
  error: string | null = null;
  #watchers: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      this.#notify();
    });
    socket.on("end", () => {
      this.ended = true;
      this.#notify();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on("close", () => {
      this.closed = true;
      this.#notify();
    });
  }

  send(latin1: string): void {
    this.socket.write(latin1, "latin1");
  }

  /** Resolves once the condition holds; fails when the connection closes before. */
  async until(condition: () => boolean): Promise<string> {
    while (!condition()) {
      if (this.closed) {
        throw new Error(
          `closed (${this.error}) after ${JSON.stringify(this.received.slice(0, 2000))}`,
        );
      }
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
    return this.received;
  }

  /** All up to and with that text; takes it off. */
  async take(text: string): Promise<string> {
    await this.until(() => this.received.includes(text));
    const end = this.received.indexOf(text) + text.length;
    const taken = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return taken;
  }

  /** A head, taken off. */
  head(): Promise<string> {
    return this.take("\r\n\r\n");
  }

  async bytes(count: number): Promise<string> {
    await this.until(() => this.received.length >= count);
    const taken = this.received.slice(0, count);
    this.received = this.received.slice(count);
    return taken;
  }

  async untilEnd(): Promise<string> {
    await this.until(() => this.ended || this.closed);
    return this.received;
  }

  async untilClosed(): Promise<void> {
    await this.until(() => this.closed);
  }

  #notify(): void {
    for (const resolve of this.#watchers.splice(0)) resolve();
  }
}

/** A server whose connections the test answers by hand. */
export class RawTenant {
  readonly endpoint: Endpoint;
  readonly #connections: Wire[] = [];
  readonly #accepted: ((wire: Wire) => void)[] = [];
  readonly all: Wire[] = [];
  readonly #close: () => void;

  private constructor(endpoint: Endpoint, close: () => void) {
    this.endpoint = endpoint;
    this.#close = close;
  }

  static async open(path: string | null = null): Promise<RawTenant> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => {
      if (path === null) server.listen(0, "127.0.0.1", resolve);
      else server.listen(path, resolve);
    });
    const address = server.address();
    const endpoint: Endpoint =
      address !== null && typeof address === "object"
        ? { kind: "tcp", host: "127.0.0.1", port: address.port }
        : { kind: "unix", path: path ?? "" };
    const tenant = new RawTenant(endpoint, () => server.close());
    server.on("connection", (socket) => tenant.#accept(new Wire(socket)));
    return tenant;
  }

  /** The next connection that the proxy opens. */
  connection(): Promise<Wire> {
    const wire = this.#connections.shift();
    if (wire !== undefined) return Promise.resolve(wire);
    return new Promise((resolve) => this.#accepted.push(resolve));
  }

  close(): void {
    this.#close();
    for (const { socket } of this.all) socket.destroy();
  }

  #accept(wire: Wire): void {
    this.all.push(wire);
    const next = this.#accepted.shift();
    if (next === undefined) this.#connections.push(wire);
    else next(wire);
  }
}

export class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly gateway = new FakeGateway();
  readonly records: ExchangeRecord[] = [];
  readonly tenant: RawTenant;
  proxy!: OpenProxy;
  readonly #clients: Wire[] = [];

  private constructor(tenant: RawTenant) {
    this.tenant = tenant;
  }

  /** With `notes:alice` running at `tenant`. */
  static async open({ trustedProxies = [] as string[], asleep = false } = {}): Promise<World> {
    const world = new World(await RawTenant.open());
    if (!asleep) world.gateway.run("notes:alice", world.tenant.endpoint);
    world.proxy = await openProxy({
      gateway: world.gateway,
      control: world.tenant.endpoint,
      clock: world.clock,
      trustedProxies,
      observe: (record) => world.records.push(record),
      listen: { kind: "address", hosts: ["127.0.0.1"], port: 0 },
    });
    return world;
  }

  async client(): Promise<Wire> {
    const socket = createConnection({
      host: "127.0.0.1",
      port: this.proxy.port,
      allowHalfOpen: true,
    });
    const wire = new Wire(socket);
    this.#clients.push(wire);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return wire;
  }

  /** A client that has sent this, and the tenant's end of it once the head is there. */
  async request(latin1: string): Promise<{ client: Wire; tenant: Wire; head: string }> {
    const client = await this.client();
    client.send(latin1);
    const tenant = await this.tenant.connection();
    return { client, tenant, head: await tenant.head() };
  }

  /** Turns of every event loop involved, told by round trips: time for what should not happen to happen. */
  async turns(count = 100): Promise<void> {
    const target = this.gateway.target;
    this.gateway.target = { kind: "unknown" };
    const client = await this.client();
    for (let turn = 0; turn < count; turn += 1) {
      client.send(GET);
      await client.take("}\n");
    }
    client.socket.destroy();
    this.gateway.target = target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#clients) socket.destroy();
    this.proxy.abort();
    this.tenant.close();
    await this.proxy.close();
  }
}

export const GET = "GET / HTTP/1.1\r\nHost: alice.notes.test\r\n\r\n";

export function withTempDirectory(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "ten-proxy-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
