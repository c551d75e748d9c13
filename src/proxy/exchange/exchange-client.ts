// The client as an exchange sees it: where the answer goes, and where the request's body comes from.
import type { Lease } from "../../supervisor/gateway.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** The fate of the client's connection after an exchange. */
export type Disposition =
  /** It takes the next request. */
  | "keep"
  /** It ends, once the answer is out. */
  | "close"
  /** It is reset, so that a body which only the end of the connection delimits looks cut short. */
  | "reset";

export interface ExchangeClient {
  /** False: no request follows this one, although the client may want to send one. */
  readonly staysOpen: boolean;
  /** It reads more slowly than it is written to. */
  readonly slow: boolean;
  text(latin1: string): void;
  bytes(piece: Buffer): void;
  flush(): void;
  /** The exchange takes the request's body, from now on or again. */
  feed(): void;
  /** The exchange is over. */
  finish(disposition: Disposition): void;
  /** The exchange is over, and the connection a tunnel. */
  tunnel(upstream: Upstream, lease: Lease | null): void;
}
