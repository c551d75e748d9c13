// Admits requests to an instance: leases while it runs, waiters until it does, and the count of what is open.
import type { Endpoint } from "../../core/endpoint.ts";
import type { Cause, Instance, Refusal, Traffic } from "../../core/life/instance.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Lease, Patience } from "../gateway.ts";
import type { LeaseCounts } from "./instance-handover.ts";
import { TrafficMeter } from "./leases.ts";
import { handOverError, refusalError, Waiters } from "./waiters.ts";

export interface AdmissionParts {
  readonly ref: InstanceRef;
  readonly clock: Clock;
  readonly instance: () => Instance;
  /** Asks the instance to start. */
  readonly wake: (cause: Cause) => void;
  /** A lease has ended, or become a tunnel. */
  readonly onTraffic: () => void;
}

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #meter: TrafficMeter;
  readonly #waiters = new Waiters();
  #requester: string | null = null;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#meter = new TrafficMeter(parts.clock, parts.onTraffic);
  }

  /** The sender of the latest request that had to wait. */
  get requester(): string | null {
    return this.#requester;
  }

  get traffic(): Traffic {
    const { open, lastActiveAt } = this.#meter;
    const { launch, second } = this.#parts.instance();
    const secondBusy = second === null ? 0 : this.#meter.busy(second.launch);
    return { open, busy: this.#meter.busy(launch), secondBusy, lastActiveAt };
  }

  /** Of every process of the instance. */
  get leaseCounts(): LeaseCounts {
    const { open, busy, secondBusy } = this.traffic;
    const requests = busy + secondBusy;
    return { requests, tunnels: open - requests };
  }

  /** A lease at once, if the instance runs. */
  lease(): Lease | null {
    const { state } = this.#parts.instance();
    return state.kind === "running" ? this.#leaseOf(state.endpoint) : null;
  }

  /** A lease as soon as the instance can take a request; starts it if the cause may. */
  async wake(cause: Cause, patience?: Patience): Promise<Lease> {
    const lease = this.lease();
    if (lease !== null) return lease;
    const joined = this.#waiters.join(patience?.signal ?? null);
    this.#requester = patience?.by ?? null;
    this.#parts.wake(cause);
    return joined;
  }

  /** Lets the waiting requests through. */
  admit(endpoint: Endpoint): void {
    this.#waiters.admit(() => this.#leaseOf(endpoint));
  }

  refuse(refusal: Refusal): void {
    this.#waiters.refuse(refusalError(this.#parts.ref, refusal));
  }

  /** Refuses every waiter from now on: the instance is handed over. Open leases stay. */
  close(): void {
    this.#waiters.close(handOverError(this.#parts.ref));
  }

  #leaseOf(endpoint: Endpoint): Lease {
    const { instance, ref } = this.#parts;
    return this.#meter.lease({ ref, endpoint, launch: instance().launch });
  }
}
