// Counts the open leases of an instance, by kind and launch, and remembers when the last one ended.
import type { Endpoint } from "../../core/endpoint.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Lease } from "../gateway.ts";

export interface TrafficMeterParts {
  readonly clock: Clock;
  /** Called when a lease ends, becomes a tunnel or idle, because draining and sleeping depend on it. */
  readonly onChange: () => void;
  readonly tunnelIdleMs: () => number;
}

export class TrafficMeter {
  readonly #parts: TrafficMeterParts;
  /** Open requests by launch; a launch without any is dropped when the next one begins. */
  readonly #requests = new Map<number, RequestCount>();
  #open = 0;
  #lastActiveAt: number;

  constructor(parts: TrafficMeterParts) {
    this.#parts = parts;
    this.#lastActiveAt = parts.clock.now();
  }

  get tunnelIdleMs(): number {
    return this.#parts.tunnelIdleMs();
  }

  get open(): number {
    return this.#open;
  }

  get lastActiveAt(): number {
    return this.#lastActiveAt;
  }

  /** Open leases of a launch that are requests, not tunnels. */
  busy(launch: number): number {
    return this.#requests.get(launch)?.open ?? 0;
  }

  lease(process: Pick<Lease, "ref" | "endpoint" | "launch">): Lease {
    const requests = this.#requests.get(process.launch) ?? this.#begin(process.launch);
    this.#open++;
    requests.open++;
    return new CountedLease(process, { meter: this, requests });
  }

  /** Counts as open without being a request of a process; the returned function ends it. */
  hold(): () => void {
    this.#open++;
    let isHeld = true;
    return () => {
      if (isHeld) this.ended();
      isHeld = false;
    };
  }

  ended(): void {
    this.#open--;
    this.#lastActiveAt = this.#parts.clock.now();
    this.#parts.onChange();
  }

  tunnelled(): void {
    this.#parts.onChange();
  }

  resumed(): void {
    this.#open++;
    this.#parts.onChange();
  }

  #begin(launch: number): RequestCount {
    for (const [earlier, { open }] of this.#requests)
      if (open === 0) this.#requests.delete(earlier);
    const requests = { open: 0 };
    this.#requests.set(launch, requests);
    return requests;
  }
}

interface RequestCount {
  open: number;
}

class CountedLease implements Lease {
  readonly ref: InstanceRef;
  readonly endpoint: Endpoint;
  readonly launch: number;
  readonly #meter: TrafficMeter;
  readonly #requests: RequestCount;
  #state: "request" | "tunnel" | "idle" | "ended" = "request";

  constructor(
    process: Pick<Lease, "ref" | "endpoint" | "launch">,
    { meter, requests }: { meter: TrafficMeter; requests: RequestCount },
  ) {
    this.ref = process.ref;
    this.endpoint = process.endpoint;
    this.launch = process.launch;
    this.#meter = meter;
    this.#requests = requests;
  }

  get open(): number {
    return this.#meter.open;
  }

  get tunnelIdleMs(): number {
    return this.#meter.tunnelIdleMs;
  }

  tunnel(): void {
    const former = this.#state;
    if (former === "tunnel" || former === "ended") return;
    this.#state = "tunnel";
    if (former === "idle") this.#meter.resumed();
    else {
      this.#requests.open--;
      this.#meter.tunnelled();
    }
  }

  idle(): void {
    if (this.#state !== "tunnel") return;
    this.#state = "idle";
    this.#meter.ended();
  }

  release(): void {
    const former = this.#state;
    this.#state = "ended";
    if (former === "request") this.#requests.open--;
    if (former === "request" || former === "tunnel") this.#meter.ended();
  }
}
