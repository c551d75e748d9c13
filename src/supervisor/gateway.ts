// What the proxy may ask of the supervisor, and nothing more.
import type { Endpoint } from "../core/endpoint.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { Target } from "../core/routing.ts";
import type { Service } from "../core/service.ts";

/** Permission for one exchange to use a running process. While one is open the idle clock stands still. */
export interface Lease {
  readonly ref: InstanceRef;
  readonly endpoint: Endpoint;
  /** Names the process behind the endpoint: no connection to one launch serves another. */
  readonly launch: number;
  /** The exchange has become a tunnel: draining no longer waits for it. */
  tunnel(): void;
  /** Ends the lease; later calls do nothing, since end and abort can both arrive. */
  release(): void;
}

export interface Patience {
  /** Aborted when the client leaves: the waiter leaves the queue. */
  readonly signal: AbortSignal;
  /** Who asks, for `ten why`: "request from 203.0.113.7". */
  readonly by: string;
}

export interface Gateway {
  /** Where a request goes; `host` as `normalizeHostname` returns it, `path` raw and without its query. */
  decide(request: { host: string; path: string }): Target;
  /** The service of a target that `decide` named. */
  service(name: string): Service;
  /** An instance of the service by weight, leaving out those in `passedOver` (keys); null: none can serve. */
  pick(service: string, passedOver: ReadonlySet<string>): InstanceRef | null;
  /** A lease at once when the instance is running, else null. */
  lease(ref: InstanceRef): Lease | null;
  /**
   * A lease as soon as the instance can take a request, waking it if it sleeps. Bounded by its start-up limits.
   * Rejects with a TenError: INSTANCE_UNKNOWN, INSTANCE_UNAVAILABLE (stopped, disabled, failed, backing off),
   * START_FAILED, QUEUE_FULL; with `retryAfterMs` where a later try can help. Rejects with the signal's reason on
   * abort.
   */
  wake(ref: InstanceRef, patience: Patience): Promise<Lease>;
}
