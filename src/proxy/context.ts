// What every exchange works with, and what it leaves behind.
import type { Endpoint } from "../core/endpoint.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { Clock } from "../platform/clock.ts";
import type { Gateway } from "../supervisor/gateway.ts";
import type { UpstreamPool } from "./pool.ts";

/** How an exchange ended, for metrics and the log. */
export interface ExchangeRecord {
  /** Null: no instance was involved. */
  readonly ref: InstanceRef | null;
  /** What the client was told; 499: it left before that. */
  readonly status: number;
  /** To the last byte of the answer, or to the head of one that became a tunnel. */
  readonly durationMs: number;
  /** What went wrong, for operators; null: nothing. */
  readonly cause: unknown;
}

export interface ProxyContext {
  readonly gateway: Gateway;
  readonly control: Endpoint;
  readonly clock: Clock;
  readonly pool: UpstreamPool;
  readonly observe: (exchange: ExchangeRecord) => void;
}
