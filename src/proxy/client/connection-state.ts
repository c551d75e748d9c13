// The interface between a client connection and its states: events, and operations on the connection.
import type { Socket } from "node:net";
import type { Lease } from "../../supervisor/gateway.ts";
import type { ProxyContext } from "../exchange/proxy-context.ts";
import type { Peer } from "../http/forwarded.ts";
import type { Outbox } from "../http/outbox.ts";
import type { Refusal } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Inbox } from "./inbox.ts";

/** A state leaves out the events that it ignores. */
export interface ConnectionState {
  /** Since when no part of a request has come, so that no client misses an answer; null: some has. */
  readonly idleSince?: number | null;
  /** Bytes that wait for the tenant or, having come from it, for the client. */
  readonly heldBytes?: number;
  onData?(bytes: Buffer): void;
  /** The client takes more again. */
  onDrain?(): void;
  /** The client sends no more; the inbox may hold more. */
  onEnd?(): void;
  /** The socket is gone. */
  onClose?(): void;
  /** Ends a request or a connection that has taken too long. */
  sweep?(now: number): void;
  /** Takes one part of a request from the inbox, which is not empty. False: nothing can be taken now. */
  take?(): boolean;
  /** All that can be taken now has been. */
  onBatch?(): void;
  /** The bytes in the inbox are no HTTP. */
  reject?(refusal: Refusal, cause: unknown): void;
}

/** The connection as its states see it. */
export interface StatefulConnection {
  readonly peer: Peer;
  readonly context: ProxyContext;
  readonly socket: Socket;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  /** Another request may follow the current one. */
  readonly staysOpen: boolean;
  /** The client reads more slowly than it is written to. */
  readonly slow: boolean;
  /** Takes from the inbox, now or in a later turn, all that can be taken. */
  advance(): void;
  /** The transitions: each ends the state that calls it. */
  awaitRequest(): void;
  beginExchange(head: RequestHead): void;
  beginTunnel(upstream: Upstream, lease: Lease | null): void;
  /** Ends the connection once all written bytes have arrived. */
  linger(): void;
  /** Ends the connection so that the client notices that something is missing. */
  reset(): void;
}
