// How long an exchange may wait for a process, for the request's body and for the answer.
import type { Service } from "../../core/service.ts";

/** Most applications have started by then, and the page would only flash up. */
const WAITING_PAGE_AFTER_MS = 1000;

/** As in nginx: long enough for a bad network, short enough to free a tenant from a dead client. */
const STALL_MS_MAX = 60_000;

export class Timeouts {
  readonly #startedAt: number;
  #movedAt: number;
  #service: Service | null;

  /** @param service null: it has no limits of its own */
  constructor(startedAt: number, service: Service | null) {
    this.#startedAt = startedAt;
    this.#movedAt = startedAt;
    this.#service = service;
  }

  /** Another server answers, which has its own limits for its tenants. */
  leaveToOther(): void {
    this.#service = null;
  }

  /** Part of the request has gone to the tenant, or may go from now on. */
  requestMoved(now: number): void {
    this.#movedAt = now;
  }

  /** A browser that still waits for a process is shown a page. */
  isWaitingPageDue(now: number): boolean {
    return this.#service?.waitingPage === true && now - this.#startedAt >= WAITING_PAGE_AFTER_MS;
  }

  /** The tenant has had all that there was of the request for longer than its service allows. */
  isAnswerOverdue(now: number): boolean {
    const limitMs = this.#service?.requestTimeoutMs ?? 0;
    return limitMs > 0 && now - this.#movedAt >= limitMs;
  }

  /** The request's body has not moved for too long. */
  isBodyStalled(now: number): boolean {
    return now - this.#movedAt >= STALL_MS_MAX;
  }
}
