// Buffers the bytes of a client until they can be taken, and reads requests from them.
import { BodyReader } from "../http/body.ts";
import type { Peer } from "../http/forwarded.ts";
import { freeBuffer } from "../http/outbox.ts";
import type { Fields } from "../http/parser.ts";
import { HeadParser } from "../http/parser.ts";
import { type RequestHead, readRequestHead } from "../http/request-head.ts";

/** With more the client is paused. Small requests fit, so that their clients are read from and seen to leave. */
const BYTES_MAX = 16 * 1024;

/** Read at a time. The tenant may stop taking a body at any time, and the rest of a piece is copied then. */
const PIECE_BYTES_MAX = 64 * 1024;

/** Takes the body of a request. */
export interface BodyTaker {
  /** False: not now. */
  readonly takesBody: boolean;
  onRequestBody(piece: Buffer): void;
  onRequestEnd(trailers: Fields): void;
}

export class Inbox {
  readonly #heads = new HeadParser("request");
  readonly #body = new BodyReader();
  /** Never empty. */
  #bytes: Buffer | null = null;
  /** The buffer that the bytes are the rest of. */
  #source: Buffer | null = null;
  #hasEnded = false;

  get isEmpty(): boolean {
    return this.#bytes === null;
  }

  get isFull(): boolean {
    return this.length > BYTES_MAX;
  }

  get length(): number {
    return this.#bytes?.length ?? 0;
  }

  /** The size of the buffer that the rest of the bytes keeps. */
  get heldBytes(): number {
    return this.#source?.length ?? 0;
  }

  /** Part of a head has come. */
  get midHead(): boolean {
    return this.#heads.midway;
  }

  /** The client sends no more than the bytes here. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Further requests have come before the answer to the current one. */
  get isAhead(): boolean {
    return this.#bytes !== null && this.#body.done;
  }

  /** The client sends no more, and the rest of the current body is not here. */
  get isCutShort(): boolean {
    if (!this.#hasEnded || this.#body.done) return false;
    return this.#bytes === null || !this.#body.mayEndWithin(this.#bytes.length);
  }

  add(bytes: Buffer): void {
    this.#source = this.#bytes === null ? bytes : Buffer.concat([this.#bytes, bytes]);
    this.#bytes = this.#source;
  }

  end(): void {
    this.#hasEnded = true;
  }

  /** Takes everything, unread. */
  drain(): Buffer | null {
    const bytes = this.#bytes;
    this.#bytes = null;
    this.#source = null;
    return bytes;
  }

  /** The next head, once it is whole. Throws ParseFailure and RequestRefused. */
  readHead(peer: Peer): RequestHead | null {
    if (this.#bytes === null) return null;
    const piece = this.#bytes.subarray(0, PIECE_BYTES_MAX);
    this.#consume(this.#bytes, this.#heads.feed(piece));
    const raw = this.#heads.take();
    if (raw === null) return null;
    const head = readRequestHead(raw, peer);
    this.#body.begin(head.framing);
    return head;
  }

  /** Hands over the part of the body that is here; false: nothing can be taken. Throws ParseFailure. */
  readBody(taker: BodyTaker): boolean {
    if (this.#bytes === null || this.#body.done || !taker.takesBody) return false;
    const piece = this.#bytes.subarray(0, PIECE_BYTES_MAX);
    const consumed = this.#body.read(piece, (part) => taker.onRequestBody(part));
    this.#consume(this.#bytes, consumed);
    if (this.#body.done) taker.onRequestEnd(this.#body.trailers);
    return true;
  }

  #consume(bytes: Buffer, consumed: number): void {
    if (consumed < bytes.length) {
      this.#bytes = bytes.subarray(consumed);
      return;
    }
    // All of it has been copied, written or refused by now.
    if (this.#source !== null) freeBuffer(this.#source);
    this.drain();
  }
}
