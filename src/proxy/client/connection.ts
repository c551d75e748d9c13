// One HTTP/1.1 connection of a client: its socket, the bytes in and out, and the state that they belong to.
import type { Socket } from "node:net";
import type { Lease } from "../../supervisor/gateway.ts";
import type { ProxyContext } from "../exchange/proxy-context.ts";
import type { Peer } from "../http/forwarded.ts";
import { freeBuffer, Outbox } from "../http/outbox.ts";
import { type Refusal, refusalOfBytes } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Share, Worker } from "../turns.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { ConnectionState, StatefulConnection } from "./connection-state.ts";
import { Exchanging } from "./exchanging.ts";
import { Inbox } from "./inbox.ts";
import { Lingering } from "./lingering.ts";
import { Progress } from "./progress.ts";
import { Reading } from "./reading.ts";
import { Tunnel } from "./tunnel.ts";

/** Queued for a client that reads slowly; with more the tenant is paused. */
const BACKLOG_BYTES_MAX = 64 * 1024;

const CLOSED: ConnectionState = {};

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly context: ProxyContext;
  /** The connection holds so many bytes more than before, roughly. */
  readonly onHold: (bytes: number) => void;
  readonly onClose: () => void;
}

export class Connection implements StatefulConnection, Worker {
  readonly peer: Peer;
  readonly context: ProxyContext;
  readonly socket: Socket;
  readonly inbox = new Inbox();
  readonly outbox: Outbox;
  readonly #onHold: (bytes: number) => void;
  readonly #progress: Progress;
  /** One for all requests of the connection: one each makes the code of the proxy 1 % slower. */
  readonly #reading: Reading;
  #state: ConnectionState;
  #working = false;
  /** How many requests may still come; the answer to the last one says so. */
  #requestsLeft: "any" | "one" | "none" = "any";

  constructor({ socket, peer, context, onHold, onClose }: ConnectionOptions) {
    this.peer = peer;
    this.context = context;
    this.socket = socket;
    this.#onHold = onHold;
    this.#progress = new Progress(socket, context.clock.now());
    this.outbox = new Outbox((data) => this.#write(data));
    this.#reading = new Reading(this);
    this.#state = this.#reading;
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.on("end", () => this.#onEnd());
    socket.on("drain", () => this.#state.onDrain?.());
    // A close follows every error, and is all that matters.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#onClose();
      onClose();
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

  /** Since when no request has come; null: one is under way. */
  get idleSince(): number | null {
    return this.#state.idleSince ?? null;
  }

  /** Since when the client has neither taken nor sent anything. */
  get stillSince(): number {
    return this.#progress.stillSince;
  }

  /** Bytes in memory on their way, in either direction; those that the client has to take are there twice. */
  get heldBytes(): number {
    const { readableLength, writableLength } = this.socket;
    const own = this.inbox.heldBytes + readableLength + 2 * writableLength;
    return own + (this.#state.heldBytes ?? 0);
  }

  /** The client has taken nothing for too long, although bytes wait for it. */
  isStalled(now: number): boolean {
    return this.#progress.isStalled(now);
  }

  /** With "none" a connection without a request ends at once. */
  limitRequests(left: "one" | "none"): void {
    this.#requestsLeft = left;
    if (left === "none" && this.idleSince !== null) this.socket.destroy();
  }

  /** Answers before a request has come. */
  refuse(refusal: Refusal): void {
    this.#state.reject?.(refusal, null);
  }

  /** Cuts the connection, and drops the bytes still on their way to the client. */
  cut(): void {
    this.socket.resetAndDestroy();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Ends a request or a connection that has taken too long. */
  sweep(now: number): void {
    this.#progress.observe(now);
    this.#state.sweep?.(now);
  }

  advance(): void {
    // A request that is answered at once ends within `work`, which then takes up the next one.
    if (!this.#working && !this.context.turns.run(this)) this.#holdBack();
  }

  /** The one place where a client's requests are taken up, each part by the state that the parts before led to. */
  work(share: Share): boolean {
    this.#working = true;
    let goesOn = true;
    try {
      while (goesOn && share.isLeft) goesOn = this.#take(share);
      this.#state.onBatch?.();
    } catch (error) {
      goesOn = false;
      this.#reject(error);
    } finally {
      this.#working = false;
    }
    this.outbox.flush();
    this.#holdBack();
    return goesOn;
  }

  awaitRequest(): void {
    // The answers of one turn leave together.
    if (!this.#working) this.outbox.flush();
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
    this.outbox.flush();
    this.#state = new Lingering(this);
  }

  reset(): void {
    this.#state = CLOSED;
    this.socket.resetAndDestroy();
  }

  #write(data: string | Buffer): void {
    const isTaken =
      typeof data === "string"
        ? this.socket.write(data, "latin1")
        : this.socket.write(data, () => freeBuffer(data));
    if (!isTaken) this.#onHold(2 * data.length);
  }

  #onData(bytes: Buffer): void {
    this.#state.onData?.(bytes);
    if (this.inbox.isEmpty) freeBuffer(bytes);
  }

  /** True: there is more to take. */
  #take(share: Share): boolean {
    const before = this.inbox.length;
    if (before === 0 || this.#state.take?.() !== true) return false;
    share.spend(before - this.inbox.length);
    return !this.inbox.isEmpty;
  }

  #reject(error: unknown): void {
    const refusal = refusalOfBytes(error);
    if (refusal === null) throw error;
    this.inbox.drain();
    this.#state.reject?.(refusal, error);
  }

  /** Pauses the client while more is here than its state takes. */
  #holdBack(): void {
    if (this.inbox.isFull) {
      if (!this.socket.isPaused()) this.#onHold(this.inbox.heldBytes);
      this.socket.pause();
    } else if (this.socket.isPaused()) this.socket.resume();
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
