// The requests that wait for one instance to be ready.
import { TenError } from "../core/errors.ts";
import type { Lease } from "./gateway.ts";

/** A thousand held connections a tenant is a burst; more is a flood, better told to come back. */
export const WAITERS_MAX = 1000;

export class Waiters {
  readonly #waiting = new Set<PromiseWithResolvers<Lease>>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Joins the queue; rejects with QUEUE_FULL beyond its bound, with the signal's reason when it aborts. */
  join(signal: AbortSignal | null): Promise<Lease> {
    if (this.#waiting.size >= WAITERS_MAX) {
      const full = new TenError("QUEUE_FULL", "Cannot wait: too many requests already do", {
        retryAfterMs: 1000,
      });
      return Promise.reject(full);
    }
    const waiter = Promise.withResolvers<Lease>();
    this.#waiting.add(waiter);
    signal?.addEventListener("abort", () => this.#leave(waiter, signal.reason), { once: true });
    return waiter.promise;
  }

  admit(lease: () => Lease): void {
    for (const waiter of this.#takeAll()) waiter.resolve(lease());
  }

  refuse(error: TenError): void {
    for (const waiter of this.#takeAll()) waiter.reject(error);
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
