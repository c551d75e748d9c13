// Admits requests to an instance: leases while it runs, waiters until it does, and the count of open requests.
import type { Endpoint } from "../../core/endpoint.ts";
import { TenError } from "../../core/errors.ts";
import type { Cause, Instance, InstanceState, Refusal, Traffic } from "../../core/life/instance.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Lease, Patience } from "../gateway.ts";
import type { LeaseCounts } from "./instance-handover.ts";
import { TrafficMeter } from "./leases.ts";
import { handOverError, refusalError, Waiters } from "./waiters.ts";

export interface AdmissionParts {
  readonly ref: InstanceRef;
  readonly clock: Clock;
  readonly instance: () => Instance;
  /** As it is configured now. */
  readonly service: () => Service;
  /** Asks the instance to start. */
  readonly wake: (cause: Cause) => void;
  /** A lease has ended, or become a tunnel. */
  readonly onTraffic: () => void;
}

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #meter: TrafficMeter;
  readonly #waiters: Waiters;
  #requester: string | null = null;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#waiters = new Waiters(parts.ref);
    this.#meter = new TrafficMeter({
      clock: parts.clock,
      onChange: () => this.#onTraffic(),
      tunnelIdleMs: () => parts.service().tunnelIdleMs,
    });
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

  /** The instance runs, and has no room for another request. */
  get isFull(): boolean {
    return this.#isRunning && !this.#hasRoom;
  }

  /** A lease at once, if the instance runs and has room for a request. */
  lease(): Lease | null {
    const { state } = this.#parts.instance();
    return state.kind === "running" && this.#hasRoom ? this.#leaseOf(state.endpoint) : null;
  }

  /** Keeps the instance awake while it runs, as a tunnel does, until the returned function is called. */
  stayAwake(): () => void {
    return this.#meter.hold();
  }

  /** A lease that is open at another server, whatever the room; null: the instance does not run. */
  hold(kind: "request" | "tunnel"): Lease | null {
    const { state } = this.#parts.instance();
    if (state.kind !== "running") return null;
    const lease = this.#leaseOf(state.endpoint);
    if (kind === "tunnel") lease.tunnel();
    return lease;
  }

  /** A lease as soon as the instance can take a request; starts it if the cause may. */
  async wake(cause: Cause, patience?: Patience): Promise<Lease> {
    const lease = this.lease();
    if (lease !== null) return lease;
    const { state } = this.#parts.instance();
    if (state.kind === "running") {
      // An operator's order is no request, and waits for none.
      return cause === "request" ? this.#waitForRoom(patience) : this.#leaseOf(state.endpoint);
    }
    const joined = this.#waiters.join(patience?.signal ?? null);
    this.#requester = patience?.by ?? null;
    this.#parts.wake(cause);
    return joined;
  }

  /** Lets the waiting requests through, those that came first, as far as there is room. */
  admit(endpoint: Endpoint): void {
    this.#waiters.admit(this.#room, () => this.#leaseOf(endpoint));
  }

  /** Requests that wait for room when the instance stops wait for another process, or are refused, as new ones are. */
  follow(former: InstanceState): void {
    const hasStopped = former.kind === "running" && !this.#isRunning;
    if (hasStopped && this.#waiters.size > 0) this.#parts.wake("request");
  }

  refuse(refusal: Refusal): void {
    this.#waiters.refuse(refusalError(this.#parts.ref, refusal));
  }

  /** Refuses every waiter from now on: the instance is handed over. Open leases stay. */
  close(): void {
    this.#waiters.close(handOverError(this.#parts.ref));
  }

  get #isRunning(): boolean {
    return this.#parts.instance().state.kind === "running";
  }

  /** How many more requests the process may have open. */
  get #room(): number {
    const { maxConcurrent } = this.#parts.service();
    if (maxConcurrent === 0) return Number.POSITIVE_INFINITY;
    return Math.max(0, maxConcurrent - this.#meter.busy(this.#parts.instance().launch));
  }

  /** Those that wait go first. */
  get #hasRoom(): boolean {
    return this.#room > this.#waiters.size;
  }

  async #waitForRoom(patience?: Patience): Promise<Lease> {
    const { clock, ref, service } = this.#parts;
    const { requestTimeoutMs } = service();
    const late = new AbortController();
    const signals = patience === undefined ? [] : [patience.signal];
    const joined = this.#waiters.join(AbortSignal.any([...signals, late.signal]));
    if (requestTimeoutMs === 0) return joined;
    const cancel = clock.after(requestTimeoutMs, () => late.abort(busyError(ref)));
    try {
      return await joined;
    } finally {
      cancel();
    }
  }

  #onTraffic(): void {
    const { state } = this.#parts.instance();
    if (state.kind === "running" && this.#waiters.size > 0) this.admit(state.endpoint);
    this.#parts.onTraffic();
  }

  #leaseOf(endpoint: Endpoint): Lease {
    const { instance, ref } = this.#parts;
    return this.#meter.lease({ ref, endpoint, launch: instance().launch });
  }
}

function busyError(ref: InstanceRef): TenError {
  const reason = "its open requests have not ended in time";
  return new TenError("QUEUE_FULL", `Cannot use "${formatRef(ref)}": ${reason}`, {
    retryAfterMs: 1000,
  });
}
