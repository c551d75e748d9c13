// Probes a client that sends no more: it waits for its answer or is gone, which TCP reports alike.

/** Most answers are out by then, and need no probe. */
const PROBE_AFTER_MS = 250;

/** Where the client can't be probed: silence that long counts as gone. */
const SILENCE_MS_MAX = 5000;

export class HalfClose {
  readonly #at: number;
  readonly #probe: () => boolean;
  #lastWriteAt: number;
  /** One probe is enough: a client that is gone answers it with a reset. */
  #state: "unprobed" | "probed" = "unprobed";

  /** @param probe sends something that a client which is there ignores; false: it can't now */
  constructor(now: number, probe: () => boolean) {
    this.#at = now;
    this.#lastWriteAt = now;
    this.#probe = probe;
  }

  wrote(now: number): void {
    this.#lastWriteAt = now;
  }

  /** Probes when it is time; true for a client that could not be probed and has been silent too long. */
  isGone(now: number): boolean {
    if (this.#state === "probed" || now - this.#at < PROBE_AFTER_MS) return false;
    if (!this.#probe()) return now - this.#lastWriteAt >= SILENCE_MS_MAX;
    this.#state = "probed";
    return false;
  }
}
