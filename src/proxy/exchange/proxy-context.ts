// The objects that all exchanges share.
import type { Endpoint } from "../../core/endpoint.ts";
import type { ConnectionFate } from "../../metrics/statistics.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Gateway } from "../../supervisor/gateway.ts";
import type { ProxyLimits } from "../limits.ts";
import type { Turns } from "../turns.ts";
import type { UpstreamPool } from "../upstream/pool.ts";
import type { ExchangeRecord } from "./outcome.ts";

export interface ProxyContext {
  gateway: Gateway;
  /** Gets every request instead, as soon as it serves; null: no other server takes over. */
  nextServer: Promise<Endpoint> | null;
  readonly control: Endpoint;
  readonly clock: Clock;
  limits: ProxyLimits;
  readonly turns: Turns;
  readonly pool: UpstreamPool;
  readonly observe: (exchange: ExchangeRecord) => void;
  readonly observeConnection: (fate: ConnectionFate) => void;
}
