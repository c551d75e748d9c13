// The one timer of an instance, for its next deadline.
import type { Clock } from "../../platform/clock.ts";

export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #set: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at a moment or earlier. Too early does no harm, so a busy instance need not set its timer anew. */
  wakeBy(at: number): void {
    if (at === Number.POSITIVE_INFINITY || (this.#set !== null && this.#set.at <= at)) return;
    this.#set?.cancel();
    const cancel = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#set = null;
      this.#ring();
    });
    this.#set = { at, cancel };
  }

  cancel(): void {
    this.#set?.cancel();
    this.#set = null;
  }
}
