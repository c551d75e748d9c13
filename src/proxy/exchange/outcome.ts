// What is known of an exchange for metrics and the log, told once at its end.
import type { InstanceRef } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";

/** How an exchange ended, for metrics and the log. */
export interface ExchangeRecord {
  /** Null: no instance was involved. */
  readonly ref: InstanceRef | null;
  /** What the client was told; 499: it left before that. */
  readonly status: number;
  /** To the last byte of the answer, or to the head of one that became a tunnel. */
  readonly durationMs: number;
  /** What went wrong, for operators; null: nothing. */
  readonly cause: unknown;
}

/** nginx's number for a client that did not wait for its answer. */
const CLIENT_LEFT = 499;

export class Outcome {
  readonly startedAt: number;
  /** Who answers, or is to. */
  ref: InstanceRef | null;
  status = CLIENT_LEFT;
  cause: unknown = null;
  readonly #clock: Clock;

  constructor(clock: Clock, ref: InstanceRef | null) {
    this.#clock = clock;
    this.ref = ref;
    this.startedAt = clock.now();
  }

  record(): ExchangeRecord {
    const { ref, status, cause } = this;
    return { ref, status, durationMs: this.#clock.now() - this.startedAt, cause };
  }
}
