// The clock: monotonic time, dates and timers, as an interface that tests replace.

export interface Clock {
  /** Monotonic milliseconds with fractions; never a date. */
  now(): number;
  /** Milliseconds since the epoch, for dates that people read and that outlive the server. */
  wall(): number;
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
