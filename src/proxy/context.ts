// What every exchange works with.
import type { Endpoint } from "../core/endpoint.ts";
import type { Clock } from "../platform/clock.ts";
import type { Gateway } from "../supervisor/gateway.ts";
import type { ExchangeRecord } from "./outcome.ts";
import type { UpstreamPool } from "./pool.ts";

export interface ProxyContext {
  readonly gateway: Gateway;
  readonly control: Endpoint;
  readonly clock: Clock;
  readonly pool: UpstreamPool;
  readonly observe: (exchange: ExchangeRecord) => void;
}
