// The interface of the supervisor to the proxy: routing, leases, wakes.
import type { Endpoint } from "../core/endpoint.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { Target } from "../core/routing.ts";
import type { Service } from "../core/service.ts";

/** Permission for one exchange to use a running process. While a lease is open, the idle time does not run. */
export interface Lease {
  readonly ref: InstanceRef;
  readonly endpoint: Endpoint;
  /** The launch behind the endpoint: a connection to one launch must not be used for another. */
  readonly launch: number;
  /** Leases of the instance that are open now, this one included. */
  readonly open: number;
  /** Without a byte for so long a tunnel is idle; 0: never. */
  readonly tunnelIdleMs: number;
  /** The exchange has become a tunnel, or an idle tunnel has traffic again: draining does not wait for it. */
  tunnel(): void;
  /** The tunnel is idle: it no longer keeps the instance awake. */
  idle(): void;
  /** Ends the lease; later calls do nothing, since an exchange can both end and be aborted. */
  release(): void;
}

export interface Patience {
  /** Aborted when the client disconnects: the request leaves the queue. */
  readonly signal: AbortSignal;
  /** For `ten why`: "a request from 203.0.113.7". */
  readonly by: string;
  /** By its method the request asks for no change (RFC 9110, 9.2.1); left out: it may. */
  readonly isSafe?: boolean;
}

export interface Gateway {
  /** The target of a request; `hostname` as `normalizeHostname` returns it, `path` raw and without its query. */
  decide(request: { hostname: string; path: string }): Target;
  /** The service of a target that `decide` named. */
  service(name: string): Service;
  /** An instance of the service by weight, leaving out those in `passedOver` (keys); null: none can serve. */
  pick(service: string, passedOver: ReadonlySet<string>): InstanceRef | null;
  /** A lease at once when the instance is running and has room for a request, else null. */
  lease(ref: InstanceRef): Lease | null;
  /** The instance runs, and has no room: a request waits for another one to end. */
  isFull(ref: InstanceRef): boolean;
  /**
   * A lease as soon as the instance can take a request, waking it if it sleeps. Bounded by its start-up limits.
   * Rejects with a TenError: INSTANCE_UNKNOWN, INSTANCE_UNAVAILABLE (stopped, disabled, failed, backing off),
   * START_FAILED, QUEUE_FULL; with `retryAfterMs` where a later try can help. Rejects with the signal's reason on
   * abort.
   */
  wake(ref: InstanceRef, patience: Patience): Promise<Lease>;
  /** Whether the process of a launch runs; after false a wake waits for another one. */
  isRunning(ref: InstanceRef, launch: number): Promise<boolean>;
}
