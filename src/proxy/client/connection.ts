// One HTTP/1.1 connection of a client: its socket, the bytes in and out, and the state that they belong to.
import type { Socket } from "node:net";
import type { Lease } from "../../supervisor/gateway.ts";
import type { ProxyContext } from "../exchange/proxy-context.ts";
import type { Peer } from "../http/forwarded.ts";
import { freeBuffer, Outbox } from "../http/outbox.ts";
import { refusalOfBytes } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { ConnectionState, StatefulConnection } from "./connection-state.ts";
import { Exchanging } from "./exchanging.ts";
import { Inbox } from "./inbox.ts";
import { Lingering } from "./lingering.ts";
import { Reading } from "./reading.ts";
import { Tunnel } from "./tunnel.ts";

/** Queued for a client that reads slowly; with more the tenant is paused. */
const BACKLOG_BYTES_MAX = 64 * 1024;

const CLOSED: ConnectionState = {};

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly context: ProxyContext;
  readonly onClose: (connection: Connection) => void;
}

export class Connection implements StatefulConnection {
  readonly peer: Peer;
  readonly context: ProxyContext;
  readonly socket: Socket;
  readonly inbox = new Inbox();
  readonly outbox: Outbox;
  /** One for all requests of the connection: one each makes the code of the proxy 1 % slower. */
  readonly #reading: Reading;
  #state: ConnectionState;
  #advancing = false;
  /** How many requests may still come; the answer to the last one says so. */
  #requestsLeft: "any" | "one" | "none" = "any";

  constructor({ socket, peer, context, onClose }: ConnectionOptions) {
    this.peer = peer;
    this.context = context;
    this.socket = socket;
    this.outbox = new Outbox((data) => {
      if (typeof data === "string") socket.write(data, "latin1");
      else socket.write(data, () => freeBuffer(data));
    });
    this.#reading = new Reading(this);
    this.#state = this.#reading;
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.on("end", () => this.#onEnd());
    socket.on("drain", () => this.#state.onDrain?.());
    // A close follows every error, and is all that matters.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#onClose();
      onClose(this);
    });
  }

  get staysOpen(): boolean {
    return this.#requestsLeft === "any" && !this.#isOver;
  }

  get slow(): boolean {
    return this.socket.writableLength > BACKLOG_BYTES_MAX;
  }

  /** No request comes after the current one. */
  get #isOver(): boolean {
    return this.#requestsLeft === "none" || (this.inbox.hasEnded && this.inbox.isEmpty);
  }

  /** With "none" a connection without a request ends at once. */
  limitRequests(left: "one" | "none"): void {
    this.#requestsLeft = left;
    if (left === "none" && this.#state.isIdle === true) this.socket.destroy();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Ends what has taken too long. */
  sweep(now: number): void {
    this.#state.sweep?.(now);
  }

  /** The one place where a client's requests are taken up, each part by the state that the parts before led to. */
  advance(): void {
    // A request that is answered at once ends inside this loop, and the next one begins in its next turn.
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (!this.inbox.isEmpty && this.#state.take?.() === true);
      this.#state.onBatch?.();
    } catch (error) {
      this.#reject(error);
    } finally {
      this.#advancing = false;
    }
    this.#holdBack();
  }

  awaitRequest(): void {
    this.#reading.restart();
    this.#state = this.#reading;
    if (!this.inbox.isEmpty) this.advance();
    else if (this.#isOver) this.linger();
  }

  beginExchange(head: RequestHead): void {
    const exchanging = new Exchanging(this, head);
    this.#state = exchanging;
    exchanging.start();
  }

  beginTunnel(upstream: Upstream, lease: Lease | null): void {
    const tunnel = new Tunnel({ socket: this.socket, upstream, lease, clock: this.context.clock });
    this.#state = tunnel;
    this.socket.resume();
    const early = this.inbox.drain();
    if (early !== null) tunnel.onData(early);
    if (this.inbox.hasEnded) tunnel.onEnd();
  }

  linger(): void {
    this.#state = new Lingering(this);
  }

  reset(): void {
    this.#state = CLOSED;
    this.socket.resetAndDestroy();
  }

  #onData(bytes: Buffer): void {
    this.#state.onData?.(bytes);
    // All of it has been copied, written or refused by now.
    if (this.inbox.isEmpty) freeBuffer(bytes);
  }

  #reject(error: unknown): void {
    const refusal = refusalOfBytes(error);
    if (refusal === null) throw error;
    this.inbox.drain();
    this.#state.reject?.(refusal, error);
  }

  /** Pauses the client while more is here than its state takes. */
  #holdBack(): void {
    if (this.inbox.isFull) this.socket.pause();
    else if (this.socket.isPaused()) this.socket.resume();
  }

  #onEnd(): void {
    this.inbox.end();
    this.#state.onEnd?.();
  }

  #onClose(): void {
    const state = this.#state;
    this.#state = CLOSED;
    this.inbox.drain();
    state.onClose?.();
  }
}
