// What every exchange works with.
import type { Endpoint } from "../../core/endpoint.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Gateway } from "../../supervisor/gateway.ts";
import type { UpstreamPool } from "../upstream/pool.ts";
import type { ExchangeRecord } from "./outcome.ts";

export interface ProxyContext {
  gateway: Gateway;
  /** Where requests go instead once another server has taken over; it resolves when that one serves. */
  nextServer: Promise<Endpoint> | null;
  readonly control: Endpoint;
  readonly clock: Clock;
  readonly pool: UpstreamPool;
  readonly observe: (exchange: ExchangeRecord) => void;
}
