// The record of an exchange for metrics and the log.
import type { InstanceRef } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";

/** Reported once, when the exchange ends. */
export interface ExchangeRecord {
  /** Null: no instance was involved. */
  readonly ref: InstanceRef | null;
  /** The status that the client got; 499: it left before that. */
  readonly status: number;
  /** To the last byte of the answer, or to the head that began a tunnel. */
  readonly durationMs: number;
  /** The error, for operators; null: there was none. */
  readonly cause: unknown;
}

/** As in nginx: the client did not wait for its answer. */
const CLIENT_LEFT = 499;

export class Outcome {
  readonly startedAt: number;
  /** The instance that answers, or is to. */
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
