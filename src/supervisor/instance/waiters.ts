// The requests that wait until an instance is ready, and the errors that end their waiting.
import { TenError } from "../../core/errors.ts";
import { type Failure, InstanceError, unavailable } from "../../core/failure.ts";
import type { Refusal } from "../../core/life/instance.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import type { Lease } from "../gateway.ts";

/** A thousand held connections per tenant are a burst; beyond that, clients had better come back later. */
export const WAITERS_MAX = 1000;

export class Waiters {
  readonly #waiting = new Set<PromiseWithResolvers<Lease>>();
  readonly #ref: InstanceRef;
  #closed: TenError | null = null;

  constructor(ref: InstanceRef) {
    this.#ref = ref;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Joins the queue; rejects with QUEUE_FULL beyond its bound, with the signal's reason when it aborts. */
  join(signal: AbortSignal | null): Promise<Lease> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#waiting.size >= WAITERS_MAX) {
      return Promise.reject(fullError(this.#ref));
    }
    const waiter = Promise.withResolvers<Lease>();
    this.#waiting.add(waiter);
    signal?.addEventListener("abort", () => this.#leave(waiter, signal.reason), { once: true });
    return waiter.promise;
  }

  /** Lets so many through, those that came first. */
  admit(count: number, lease: () => Lease): void {
    let left = count;
    for (const waiter of this.#waiting) {
      if (left === 0) return;
      left -= 1;
      this.#waiting.delete(waiter);
      waiter.resolve(lease());
    }
  }

  refuse(error: TenError): void {
    for (const waiter of this.#takeAll()) waiter.reject(error);
  }

  /** Refuses all waiting requests, and those that join later. */
  close(error: TenError): void {
    this.#closed = error;
    this.refuse(error);
  }

  #leave(waiter: PromiseWithResolvers<Lease>, reason: unknown): void {
    if (this.#waiting.delete(waiter)) waiter.reject(reason);
  }

  #takeAll(): PromiseWithResolvers<Lease>[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }
}

function fullError(ref: InstanceRef): TenError {
  const message = `Cannot use "${formatRef(ref)}": too many requests wait for it`;
  return new TenError("QUEUE_FULL", message, { retryAfterMs: 1000 });
}

/** The error for waiting requests. */
export function refusalError(ref: InstanceRef, refusal: Refusal): TenError {
  const verb = refusal.failure.code === "INSTANCE_UNAVAILABLE" ? "use" : "start";
  return new InstanceError(ref, { verb, ...refusal });
}

/** The error for requests to a server that has handed its instances over. */
export function handOverError(ref: InstanceRef): TenError {
  const failure = unavailable("another server takes over");
  return new InstanceError(ref, { verb: "use", failure, retryAfterMs: 1000 });
}

/** The error for operators who wait for a replacement. */
export function replaceError(ref: InstanceRef, failure: Failure): TenError {
  return new InstanceError(ref, { verb: "replace", failure });
}
