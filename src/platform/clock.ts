// Time as a thing that is passed in, so that tests can own it.

export interface Clock {
  /** Monotonic milliseconds with fractions; never a date. */
  now(): number;
  /** Milliseconds since the epoch, for what people read and what outlives the server. */
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
