// Divides each turn of the event loop among connections, so that none of them keeps the others waiting.
import type { Clock } from "../platform/clock.ts";

/** The share of one connection in a turn, which moves them in a fraction of a millisecond. */
const SHARE_BYTES = 256 * 1024;

/** A small step, such as a request or an interim answer, takes as long as that many bytes: a share is 16 of them. */
const STEP_BYTES_MIN = 16 * 1024;

/** Ends a share early where steps take longer than their bytes suggest. */
const SHARE_MS = 1;

/** All shares of a turn together: timers, the control API and new connections wait for some milliseconds at most. */
const TURN_BYTES = 16 * SHARE_BYTES;

/** The part for connections that have waited; the other half lets new requests through while many of them wait. */
const WAITING_BYTES = TURN_BYTES / 2;

/** Below that much work, a turn is not worth the call that tells when it has passed. */
const UNCOUNTED_BYTES = TURN_BYTES / 4;

/** The work that one connection may still do in this turn. */
export class Share {
  readonly #clock: Clock;
  /** Begins with the second step: most shares have one, and need no time. */
  #until: number | null = null;
  #left = SHARE_BYTES;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isLeft(): boolean {
    if (this.#left === SHARE_BYTES) return true;
    if (this.#left <= 0) return false;
    this.#until ??= this.#clock.now() + SHARE_MS;
    return this.#clock.now() < this.#until;
  }

  get spentBytes(): number {
    return SHARE_BYTES - this.#left;
  }

  /** Counts one step, which has used so many bytes. */
  spend(bytes: number): void {
    this.#left -= Math.max(bytes, STEP_BYTES_MIN);
  }
}

export interface Worker {
  /** Works until nothing is left that it can do now, or its share is used up. True: it wants another turn. */
  work(share: Share): boolean;
}

export class Turns {
  readonly #clock: Clock;
  /** In the order of their coming; at most every connection once. */
  readonly #waiting = new Set<Worker>();
  #spentBytes = 0;
  #endsTurn = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Lets a worker work: at once, or in a later turn when this one is used up. False: later. */
  run(worker: Worker): boolean {
    if (this.#waiting.has(worker)) return false;
    const isNow = this.#spentBytes < TURN_BYTES;
    if (isNow) this.#serve(worker);
    else this.#waiting.add(worker);
    if (this.#waiting.size > 0 || this.#spentBytes > UNCOUNTED_BYTES) this.#endTurn();
    return isNow;
  }

  #serve(worker: Worker): void {
    const share = new Share(this.#clock);
    try {
      if (worker.work(share)) this.#waiting.add(worker);
    } finally {
      this.#spentBytes += share.spentBytes;
    }
  }

  #endTurn(): void {
    if (this.#endsTurn) return;
    this.#endsTurn = true;
    setImmediate(() => this.#beginTurn());
  }

  #beginTurn(): void {
    this.#endsTurn = false;
    this.#spentBytes = 0;
    let count = this.#waiting.size;
    for (const worker of this.#waiting) {
      if (count === 0 || this.#spentBytes >= WAITING_BYTES) break;
      count -= 1;
      this.#waiting.delete(worker);
      this.#serve(worker);
    }
    if (this.#waiting.size > 0) this.#endTurn();
  }
}
