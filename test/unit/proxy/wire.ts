// Raw sockets whose every byte the tests decide: one end of a connection, and a tenant.
import { createServer, type Socket } from "node:net";
import type { Endpoint } from "../../../src/core/endpoint.ts";

/** One end of a connection: what it has received, and ways to wait for more. */
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

  /** Resolves once the condition holds; rejects when the connection closes before. */
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

  /** Removes and returns all that was received, up to and including that text. */
  async take(text: string): Promise<string> {
    await this.until(() => this.received.includes(text));
    const end = this.received.indexOf(text) + text.length;
    const taken = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return taken;
  }

  /** Removes and returns a head. */
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

/** A tenant whose every answer the test writes. */
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
