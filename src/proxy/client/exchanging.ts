// The state of a client connection during an exchange, which sees its client through it.
import { unreachable } from "../../core/assert.ts";
import { descriptorOf } from "../../platform/kernel/descriptors.ts";
import { hasEnded } from "../../platform/kernel/readable.ts";
import type { Lease } from "../../supervisor/gateway.ts";
import { Exchange } from "../exchange/exchange.ts";
import type { Disposition, ExchangeClient } from "../exchange/exchange-client.ts";
import type { Refusal } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { ConnectionState, StatefulConnection } from "./connection-state.ts";
import { HalfClose } from "./half-close.ts";

export class Exchanging implements ConnectionState, ExchangeClient {
  readonly #connection: StatefulConnection;
  readonly #exchange: Exchange;
  /** Null: the client may send more. */
  #halfClose: HalfClose | null;

  constructor(connection: StatefulConnection, head: RequestHead) {
    this.#connection = connection;
    this.#exchange = new Exchange(head, this, connection.context);
    this.#halfClose = connection.inbox.hasEnded ? this.#newHalfClose() : null;
  }

  get heldBytes(): number {
    return this.#exchange.heldBytes;
  }

  start(): void {
    this.#exchange.start();
  }

  onData(bytes: Buffer): void {
    this.#connection.inbox.add(bytes);
    this.#connection.advance();
  }

  take(): boolean {
    return this.#connection.inbox.readBody(this.#exchange);
  }

  onBatch(): void {
    this.#exchange.onRequestBatch();
    this.#checkCompleteness();
  }

  reject(refusal: Refusal, cause: unknown): void {
    this.#exchange.reject(refusal, cause);
  }

  onDrain(): void {
    this.#exchange.onClientDrain();
  }

  onEnd(): void {
    this.#halfClose = this.#newHalfClose();
    this.#checkCompleteness();
  }

  onClose(): void {
    this.#exchange.abort();
  }

  sweep(now: number): void {
    this.#exchange.sweep(now);
    if (this.#halfClose === null && this.#hasEndedUnseen()) this.#halfClose = this.#newHalfClose();
    if (this.#halfClose?.isGone(now) === true) this.#connection.socket.destroy();
  }

  get staysOpen(): boolean {
    return this.#connection.staysOpen;
  }

  get slow(): boolean {
    return this.#connection.slow;
  }

  text(latin1: string): void {
    this.#connection.outbox.text(latin1);
  }

  bytes(piece: Buffer): void {
    this.#connection.outbox.bytes(piece);
  }

  flush(): void {
    this.#halfClose?.wrote(this.#connection.context.clock.now());
    this.#connection.outbox.flush();
  }

  feed(): void {
    this.#connection.advance();
  }

  finish(disposition: Disposition): void {
    switch (disposition) {
      case "keep":
        this.#connection.awaitRequest();
        break;
      case "close":
        this.#connection.linger();
        break;
      case "reset":
        this.#connection.outbox.flush();
        this.#connection.reset();
        break;
      default:
        unreachable(disposition);
    }
  }

  tunnel(upstream: Upstream, lease: Lease | null): void {
    this.#connection.outbox.flush();
    this.#connection.beginTunnel(upstream, lease);
  }

  #newHalfClose(): HalfClose {
    return new HalfClose(this.#connection.context.clock.now(), () => this.#exchange.probe());
  }

  /** The end of a client that is paused, because of its further requests, arrives only behind those. */
  #hasEndedUnseen(): boolean {
    const { inbox, socket } = this.#connection;
    if (!socket.isPaused() || !inbox.isAhead) return false;
    const descriptor = descriptorOf(socket);
    return descriptor !== null && hasEnded(descriptor);
  }

  /** A client that ended in the middle of a request is gone. */
  #checkCompleteness(): void {
    if (this.#connection.inbox.isCutShort) this.#connection.socket.destroy();
  }
}
