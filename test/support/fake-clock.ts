// A clock that moves only when told to.
import type { Clock } from "../../src/platform/clock.ts";

const EPOCH_MS = Date.UTC(2026, 0, 1);

export class FakeClock implements Clock {
  #now = 1000;
  readonly #timers = new Set<{ readonly at: number; readonly task: () => void }>();

  now(): number {
    return this.#now;
  }

  wall(): number {
    return EPOCH_MS + this.#now;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = { at: this.#now + delayMs, task };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves the clock and runs due timers in order. */
  move(byMs: number): void {
    const end = this.#now + byMs;
    while (this.#runNext(end));
    this.#now = end;
  }

  /** The same, and lets promises settle after each timer. */
  async advance(byMs: number): Promise<void> {
    const end = this.#now + byMs;
    do await settle();
    while (this.#runNext(end));
    this.#now = end;
    await settle();
  }

  /** False: nothing is due by then. */
  #runNext(end: number): boolean {
    const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
    if (next === undefined || next.at > end) return false;
    this.#timers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.task();
    return true;
  }
}

/** Lets all pending promise reactions run. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
