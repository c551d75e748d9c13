// Open leases of one instance: how many, of which kind, and when the last one ended.
import type { Endpoint } from "../core/endpoint.ts";
import type { Traffic } from "../core/instance.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { Clock } from "../platform/clock.ts";
import type { Lease } from "./gateway.ts";

/** Counts leases; calls `onChange` when one ends or turns into a tunnel, since draining and idling depend on it. */
export class TrafficMeter {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #open = 0;
  #busy = 0;
  #lastActiveAt: number;

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#lastActiveAt = clock.now();
  }

  get traffic(): Traffic {
    return { open: this.#open, busy: this.#busy, lastActiveAt: this.#lastActiveAt };
  }

  get open(): number {
    return this.#open;
  }

  lease(process: Pick<Lease, "ref" | "endpoint" | "launch">): Lease {
    this.#open++;
    this.#busy++;
    return new CountedLease(process, this);
  }

  ended(kind: "request" | "tunnel"): void {
    this.#open--;
    if (kind === "request") this.#busy--;
    this.#lastActiveAt = this.#clock.now();
    this.#onChange();
  }

  tunnelled(): void {
    this.#busy--;
    this.#onChange();
  }
}

class CountedLease implements Lease {
  readonly ref: InstanceRef;
  readonly endpoint: Endpoint;
  readonly launch: number;
  readonly #meter: TrafficMeter;
  #state: "request" | "tunnel" | "ended" = "request";

  constructor(process: Pick<Lease, "ref" | "endpoint" | "launch">, meter: TrafficMeter) {
    this.ref = process.ref;
    this.endpoint = process.endpoint;
    this.launch = process.launch;
    this.#meter = meter;
  }

  tunnel(): void {
    if (this.#state !== "request") return;
    this.#state = "tunnel";
    this.#meter.tunnelled();
  }

  release(): void {
    if (this.#state === "ended") return;
    const kind = this.#state;
    this.#state = "ended";
    this.#meter.ended(kind);
  }
}
