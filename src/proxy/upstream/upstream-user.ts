// The two kinds of user of a connection to a tenant: an exchange, and a tunnel.
import type { AnswerTaker } from "./answer-reader.ts";

export interface UpstreamFailure {
  /**
   * Refused: no connection came about, so nothing was sent. Broken: it ended early. Malformed: not HTTP, or ambiguous.
   */
  readonly kind: "refused" | "broken" | "malformed";
  readonly cause: unknown;
}

/** An exchange. A user that gets a head with status 101 calls `tunnel` or `destroy`. */
export interface UpstreamUser extends AnswerTaker {
  onOpen(): void;
  /** All that one read brought has been handed out. */
  onBatch(): void;
  /** The tenant takes more again. */
  onDrain(): void;
  onFailure(failure: UpstreamFailure): void;
}

/** The tunnel that an exchange became. */
export interface TunnelUser {
  onTenantBytes(bytes: Buffer): void;
  /** The tenant takes more again. */
  onTenantDrain(): void;
  /** The tenant sends no more. */
  onTenantEnd(): void;
  onTenantClose(): void;
}
