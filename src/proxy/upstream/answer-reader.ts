// Reads the answers that arrive on a connection to a tenant, one for each request.
import { type AnswerHead, readAnswerHead } from "../http/answer-head.ts";
import { AnswerHeadParser } from "../http/answer-repair.ts";
import { BodyReader } from "../http/body.ts";
import { type Fields, ParseFailure } from "../http/parser.ts";

/** Far more than an application has reason to send. */
const INTERIM_MAX = 100;

type Progress =
  /** No byte of the answer has come. */
  | { readonly kind: "awaited" }
  /** Within a head, or behind that of an interim answer. */
  | { readonly kind: "head" }
  | { readonly kind: "body"; readonly head: AnswerHead }
  /** There is no further request to answer. */
  | { readonly kind: "complete"; readonly keepsConnection: boolean };

const AWAITED: Progress = { kind: "awaited" };
const IN_HEAD: Progress = { kind: "head" };
const COMPLETE_AND_KEPT: Progress = { kind: "complete", keepsConnection: true };
const COMPLETE: Progress = { kind: "complete", keepsConnection: false };

/** Takes the parts of an answer as they come. */
export interface AnswerTaker {
  /** Also interim heads. */
  onHead(head: AnswerHead): void;
  onBody(piece: Buffer): void;
  onEnd(trailers: Fields): void;
}

export class AnswerReader {
  readonly #heads = new AnswerHeadParser();
  readonly #body = new BodyReader();
  #method = "";
  #progress: Progress = AWAITED;
  /** Interim heads of the current answer. */
  #interim = 0;

  /** Expects the answer to a request. */
  expect(method: string): void {
    this.#method = method;
    this.#interim = 0;
    this.#progress = AWAITED;
  }

  get hasBegun(): boolean {
    return this.#progress.kind !== "awaited";
  }

  get isComplete(): boolean {
    return this.#progress.kind === "complete";
  }

  /** The last answer has ended cleanly, and the tenant takes another request. */
  get keepsConnection(): boolean {
    const { kind } = this.#progress;
    if (kind !== "complete" || this.#heads.hasRepaired) return false;
    return this.#progress.keepsConnection;
  }

  /** Hands out one part of the answer and returns how many bytes that took. Throws ParseFailure. */
  read(bytes: Buffer, taker: AnswerTaker): number {
    const consumed =
      this.#progress.kind === "body"
        ? this.#body.read(bytes, (piece) => taker.onBody(piece))
        : this.#readHead(bytes, taker);
    if (this.#progress.kind === "body" && this.#body.done) {
      const keeps = this.#progress.head.keepAlive && consumed === bytes.length;
      this.#complete(keeps ? COMPLETE_AND_KEPT : COMPLETE, taker);
    }
    return consumed;
  }

  /** Nothing but the end of the connection delimits the body. */
  get endsWithConnection(): boolean {
    return this.#progress.kind === "body" && this.#progress.head.framing.kind === "close";
  }

  /** The connection has ended, and the body with it. */
  end(taker: AnswerTaker): void {
    this.#complete(COMPLETE, taker);
  }

  #readHead(bytes: Buffer, taker: AnswerTaker): number {
    this.#progress = IN_HEAD;
    const consumed = this.#heads.feed(bytes);
    const raw = this.#heads.take();
    if (raw === null) return consumed;
    const head = readAnswerHead(raw, this.#method);
    if (head.status >= 200) {
      this.#progress = { kind: "body", head };
      this.#body.begin(head.framing);
    } else this.#countInterim();
    taker.onHead(head);
    return consumed;
  }

  #countInterim(): void {
    this.#interim += 1;
    if (this.#interim > INTERIM_MAX) throw new ParseFailure("malformed", "endless interim answers");
  }

  #complete(progress: Progress, taker: AnswerTaker): void {
    this.#progress = progress;
    taker.onEnd(this.#body.trailers);
  }
}
