// Who is on our end of a connection to a tenant: an exchange, or the tunnel that it became.
import type { AnswerHead } from "../http/answer-head.ts";
import type { Fields } from "../http/parser.ts";

export interface UpstreamFailure {
  /**
   * Refused: no connection came about, so nothing was sent. Broken: it ended early. Malformed: not HTTP, or ambiguous.
   */
  readonly kind: "refused" | "broken" | "malformed";
  readonly cause: unknown;
}

/** The exchange that uses a connection. */
export interface UpstreamUser {
  onOpen(): void;
  /** Also interim heads. A user that gets a 101 calls `tunnel` or `destroy`. */
  onHead(head: AnswerHead): void;
  onBody(piece: Buffer): void;
  onEnd(trailers: Fields): void;
  /** All that one read brought has been handed out. */
  onBatch(): void;
  /** The tenant takes more again. */
  onDrain(): void;
  onFailure(failure: UpstreamFailure): void;
}

/** The tunnel that an exchange became. */
export interface RawUser {
  onBytes(bytes: Buffer): void;
  onDrain(): void;
  /** The tenant sends no more. */
  onEnd(): void;
  onClose(): void;
}
