// The state of a client connection between two requests, or within the head of one.
import { renderRefusal } from "../exchange/pages.ts";
import { type Refusal, TOO_SLOW } from "../http/refusal.ts";
import type { ConnectionState, StatefulConnection } from "./connection-state.ts";

/** A head that takes longer is an attack, or of a client that has gone. */
const HEAD_MS_MAX = 30_000;

/** As nginx; longer than load balancers in front of us keep theirs, so that they are the ones to close. */
const IDLE_MS_MAX = 75_000;

export class Reading implements ConnectionState {
  readonly #connection: StatefulConnection;
  /** A new connection that sends nothing is of no use. */
  #silenceMsMax = HEAD_MS_MAX;
  /** When the state was entered or, within a head, when its first byte came. */
  #since: number;

  constructor(connection: StatefulConnection) {
    this.#connection = connection;
    this.#since = connection.context.clock.now();
  }

  /** Enters the state again, for another request. */
  restart(): void {
    this.#silenceMsMax = IDLE_MS_MAX;
    this.#since = this.#connection.context.clock.now();
  }

  get idleSince(): number | null {
    const { inbox } = this.#connection;
    return inbox.isEmpty && !inbox.midHead ? this.#since : null;
  }

  onData(bytes: Buffer): void {
    this.#connection.inbox.add(bytes);
    this.#connection.advance();
  }

  take(): boolean {
    const { inbox, peer, context, slow } = this.#connection;
    if (slow) return false;
    const wasMidHead = inbox.midHead;
    const head = inbox.readHead(peer);
    if (head !== null) this.#connection.beginExchange(head);
    else if (!wasMidHead) this.#since = context.clock.now();
    return true;
  }

  onDrain(): void {
    if (!this.#connection.inbox.isEmpty) this.#connection.advance();
  }

  onEnd(): void {
    if (this.#connection.inbox.isEmpty) this.#connection.linger();
  }

  sweep(now: number): void {
    const passedMs = now - this.#since;
    if (!this.#connection.inbox.midHead) {
      if (passedMs >= this.#silenceMsMax) this.#connection.socket.destroy();
    } else if (passedMs >= HEAD_MS_MAX) this.reject(TOO_SLOW, null);
  }

  reject(refusal: Refusal, cause: unknown): void {
    const { outbox, context } = this.#connection;
    outbox.text(
      renderRefusal(refusal, { html: false, bodiless: false, connection: "close", own: null }),
    );
    outbox.flush();
    context.observe({ ref: null, status: refusal.status, durationMs: 0, cause });
    this.#connection.linger();
  }
}
