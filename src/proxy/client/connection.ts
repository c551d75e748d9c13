// One client connection: requests in order, keep-alive, limits and time-outs.
import type { Socket } from "node:net";
import type { Lease } from "../../supervisor/gateway.ts";
import type { Aftermath, ClientConnection } from "../exchange/client-connection.ts";
import { Exchange } from "../exchange/exchange.ts";
import { renderRefusal } from "../exchange/pages.ts";
import type { ProxyContext } from "../exchange/proxy-context.ts";
import type { Peer } from "../http/forwarded.ts";
import { freeBuffer, Outbox } from "../http/outbox.ts";
import * as refusals from "../http/refusal.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { HalfClose } from "./half-close.ts";
import { Inbox } from "./inbox.ts";
import { Tunnel } from "./tunnel.ts";

/** A head that takes longer is an attack, or a client nobody waits for any more. */
const HEAD_MS_MAX = 30_000;

/** As nginx; longer than load balancers in front of us keep theirs, so that they are the ones to close. */
const IDLE_MS_MAX = 75_000;

/** The rest of a refused request is read and dropped for so long: closing on unread bytes destroys the answer. */
const LINGER_MS_MAX = 5000;

/** Queued for a client that reads slowly; with more the tenant is paused. */
const BACKLOG_BYTES_MAX = 64 * 1024;

type State =
  /** Between requests, or within a head. */
  | { readonly kind: "reading"; readonly since: number }
  | { readonly kind: "exchange"; readonly exchange: Exchange }
  | { readonly kind: "tunnel"; readonly tunnel: Tunnel }
  /** The answer is out; what still comes is dropped. */
  | { readonly kind: "lingering"; readonly until: number }
  | { readonly kind: "closed" };

export interface ConnectionOptions {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly context: ProxyContext;
  readonly onClose: (connection: Connection) => void;
}

export class Connection implements ClientConnection {
  readonly peer: Peer;
  readonly #socket: Socket;
  readonly #context: ProxyContext;
  readonly #inbox = new Inbox();
  readonly #outbox: Outbox;
  #state: State;
  #halfClose: HalfClose | null = null;
  #advancing = false;
  /** "last": for one more request, whose answer tells the client so. "over": for none. */
  #tenure: "open" | "last" | "over" = "open";
  #fresh = true;

  constructor({ socket, peer, context, onClose }: ConnectionOptions) {
    this.peer = peer;
    this.#socket = socket;
    this.#context = context;
    this.#state = { kind: "reading", since: context.clock.now() };
    this.#outbox = new Outbox((data) => {
      if (typeof data === "string") socket.write(data, "latin1");
      else socket.write(data, () => freeBuffer(data));
    });
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.on("end", () => this.#onEnd());
    socket.on("drain", () => this.#onDrain());
    // A close follows every error and says all there is to know.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#onClose(onClose));
  }

  get staysOpen(): boolean {
    return this.#tenure === "open" && !this.#isOver;
  }

  get #isOver(): boolean {
    return this.#tenure === "over" || (this.#halfClose !== null && this.#inbox.isEmpty);
  }

  get slow(): boolean {
    return this.#socket.writableLength > BACKLOG_BYTES_MAX;
  }

  text(latin1: string): void {
    this.#outbox.text(latin1);
  }

  bytes(piece: Buffer): void {
    this.#outbox.bytes(piece);
  }

  flush(): void {
    this.#halfClose?.wrote(this.#context.clock);
    this.#outbox.flush();
  }

  feed(): void {
    this.#advance();
  }

  settle(aftermath: Aftermath): void {
    this.flush();
    if (this.#state.kind === "closed") return;
    if (aftermath === "reset") {
      this.#socket.resetAndDestroy();
      return;
    }
    if (aftermath === "close") {
      this.#linger();
      return;
    }
    this.#state = { kind: "reading", since: this.#context.clock.now() };
    this.#fresh = false;
    if (!this.#inbox.isEmpty) this.#advance();
    else if (this.#isOver) this.#linger();
  }

  tunnel(upstream: Upstream, lease: Lease | null): void {
    this.flush();
    const tunnel = new Tunnel(this.#socket, upstream, lease);
    this.#state = { kind: "tunnel", tunnel };
    this.#socket.resume();
    const early = this.#inbox.drain();
    if (early !== null) tunnel.onClientBytes(early);
    if (this.#halfClose !== null) tunnel.onClientEnd();
  }

  /** Takes one request at most or, when it is over, none: then it ends at once if it has none. */
  curtail(tenure: "last" | "over"): void {
    this.#tenure = tenure;
    const isIdle = this.#state.kind === "reading" && !this.#inbox.midHead;
    if (tenure === "over" && isIdle) this.#socket.destroy();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends what has taken too long. */
  sweep(now: number): void {
    switch (this.#state.kind) {
      case "reading":
        this.#sweepReading(now, this.#state.since);
        break;
      case "exchange":
        this.#state.exchange.sweep(now);
        if (this.#halfClose?.isGone(now, this.#state.exchange) === true) this.#socket.destroy();
        break;
      case "lingering":
        if (now >= this.#state.until) this.#socket.destroy();
        break;
      case "tunnel":
      case "closed":
        break;
    }
  }

  /** The time for a head runs from its first byte, the idle time from the last answer. */
  #sweepReading(now: number, since: number): void {
    if (!this.#inbox.midHead && !this.#fresh) {
      if (now - since >= IDLE_MS_MAX) this.#socket.destroy();
      return;
    }
    if (now - since < HEAD_MS_MAX) return;
    if (this.#inbox.midHead) this.#refuse(refusals.TOO_SLOW);
    else this.#socket.destroy();
  }

  #onData(bytes: Buffer): void {
    switch (this.#state.kind) {
      case "tunnel":
        this.#state.tunnel.onClientBytes(bytes);
        break;
      case "reading":
      case "exchange":
        this.#inbox.add(bytes);
        this.#advance();
        break;
      case "lingering":
      case "closed":
        break;
    }
    // All that was read has been copied, written or refused by now.
    if (this.#inbox.isEmpty) freeBuffer(bytes);
  }

  /** Hands on as much of what is here as can be taken now. */
  #advance(): void {
    // A request that is answered at once ends inside this loop, and the next one begins in its next turn.
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (!this.#inbox.isEmpty && this.#step());
      if (this.#state.kind === "exchange") this.#state.exchange.onRequestBatch();
    } catch (error) {
      this.#reject(error);
    } finally {
      this.#advancing = false;
    }
    this.#checkCompleteness();
    this.#gate();
  }

  /** False: nothing can be taken now. */
  #step(): boolean {
    switch (this.#state.kind) {
      case "reading":
        if (this.slow) return false;
        this.#readHead();
        return true;
      case "exchange":
        return this.#inbox.readBody(this.#state.exchange);
      default:
        this.#inbox.drain();
        return false;
    }
  }

  #readHead(): void {
    const wasMidHead = this.#inbox.midHead;
    const head = this.#inbox.readHead(this.peer);
    if (head !== null) {
      const exchange = new Exchange(head, this, this.#context);
      this.#state = { kind: "exchange", exchange };
      exchange.start();
    } else if (!wasMidHead) this.#state = { kind: "reading", since: this.#context.clock.now() };
  }

  #reject(error: unknown): void {
    const refusal = refusals.refusalOfBytes(error);
    if (refusal === null) throw error;
    this.#inbox.drain();
    if (this.#state.kind === "exchange") this.#state.exchange.reject(refusal, error);
    else this.#refuse(refusal, error);
  }

  /** Answers a request that has not become an exchange. */
  #refuse(refusal: refusals.Refusal, cause: unknown = null): void {
    this.text(renderRefusal(refusal, { html: false, bodiless: false, connection: "close" }));
    this.#context.observe({ ref: null, status: refusal.status, durationMs: 0, cause });
    this.settle("close");
  }

  #linger(): void {
    this.#inbox.drain();
    this.#state = { kind: "lingering", until: this.#context.clock.now() + LINGER_MS_MAX };
    this.#socket.end();
    this.#socket.resume();
  }

  /** Pauses the client while more is here than anybody takes. */
  #gate(): void {
    if (this.#state.kind === "tunnel") return;
    if (this.#inbox.isFull) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #onDrain(): void {
    if (this.#state.kind === "tunnel") this.#state.tunnel.onClientDrain();
    else if (this.#state.kind === "exchange") this.#state.exchange.onClientDrain();
    else if (!this.#inbox.isEmpty) this.#advance();
  }

  #onEnd(): void {
    this.#halfClose = new HalfClose(this.#context.clock);
    switch (this.#state.kind) {
      case "reading":
        if (this.#inbox.isEmpty) this.#linger();
        break;
      case "exchange":
        this.#checkCompleteness();
        break;
      case "tunnel":
        this.#state.tunnel.onClientEnd();
        break;
      case "lingering":
      case "closed":
        break;
    }
  }

  /** A client that ended in the middle of a request is gone. */
  #checkCompleteness(): void {
    if (this.#halfClose === null || this.#state.kind !== "exchange") return;
    if (this.#inbox.isCutShort) this.#socket.destroy();
  }

  #onClose(forget: ConnectionOptions["onClose"]): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    this.#inbox.drain();
    if (state.kind === "exchange") state.exchange.abort();
    else if (state.kind === "tunnel") state.tunnel.onClientClose();
    forget(this);
  }
}
