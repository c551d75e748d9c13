// A client that sends no more: it waits for its answer, or it is gone. TCP says the same of both, so it is asked.
import type { Clock } from "../../platform/clock.ts";
import type { ClientProbe } from "../exchange/client-connection.ts";

/** Most answers are out by then, and nobody need be asked. */
const PROBE_AFTER_MS = 250;

/** Where the client can't be asked: silence that long counts as gone. */
const SILENCE_MS_MAX = 5000;

export class HalfClose {
  readonly #at: number;
  #lastWriteAt: number;
  /** Whom it was asked through; each exchange may ask once. */
  #asked: ClientProbe | null = null;

  constructor(clock: Clock) {
    this.#at = clock.now();
    this.#lastWriteAt = this.#at;
  }

  wrote(clock: Clock): void {
    this.#lastWriteAt = clock.now();
  }

  /** Asks when it is time; true for a client that could not be asked and has been silent too long. */
  isGone(now: number, prober: ClientProbe): boolean {
    if (this.#asked === prober || now - this.#at < PROBE_AFTER_MS) return false;
    if (!prober.probe()) return now - this.#lastWriteAt >= SILENCE_MS_MAX;
    this.#asked = prober;
    return false;
  }
}
