// What an exchange may do with the connection of its client.
import type { Lease } from "../../supervisor/gateway.ts";
import type { Peer } from "../http/forwarded.ts";
import type { Fields } from "../http/parser.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** What becomes of the client's connection after an exchange. */
export type Aftermath =
  /** It takes the next request. */
  | "keep"
  /** It ends, once the answer is out. */
  | "close"
  /** It is reset, so that a body which only the end of the connection delimits looks cut short. */
  | "reset";

export interface ClientConnection {
  readonly peer: Peer;
  /** False: no request follows this one, whatever it says itself. */
  readonly staysOpen: boolean;
  /** It reads more slowly than it is written to. */
  readonly slow: boolean;
  text(latin1: string): void;
  bytes(piece: Buffer): void;
  flush(): void;
  /** The exchange takes request body again. */
  feed(): void;
  settle(aftermath: Aftermath): void;
  /** The exchange is over, and the connection a tunnel. */
  tunnel(upstream: Upstream, lease: Lease | null): void;
}

/** Who takes a request's body. */
export interface BodyTaker {
  /** False: not now. */
  readonly takesBody: boolean;
  onRequestBody(piece: Buffer): void;
  onRequestEnd(trailers: Fields): void;
}

/** What can send a client bytes that one which is there ignores, and one which is gone answers with a reset. */
export interface ClientProbe {
  /** False: there is no such thing to send now. */
  probe(): boolean;
}
