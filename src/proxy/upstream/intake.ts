// Hands on a tenant's bytes, by turns and no faster than its client reads.
import type { Share, Turns, Worker } from "../turns.ts";

/** The side of the connection that the bytes come from. */
interface Source {
  pause(): void;
  resume(): void;
}

export interface IntakeUser {
  /** Takes some of the bytes, at least one, and returns how many. */
  onBytes(bytes: Buffer): number;
  /** All that can be taken now has been. */
  onBatch(): void;
}

export class Intake implements Worker {
  readonly #source: Source;
  readonly #turns: Turns;
  readonly #user: IntakeUser;
  /** Never empty; at most two reads, since the source is paused meanwhile. */
  #held: Buffer | null = null;
  /** Called after the bytes. */
  #ends: (() => void)[] = [];
  #working = false;
  #isPaused = false;
  #isSourcePaused = false;

  constructor(source: Source, turns: Turns, user: IntakeUser) {
    this.#source = source;
    this.#turns = turns;
    this.#user = user;
  }

  get heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  /** The tenant has ended the connection, which its user does not know yet. */
  get isEnding(): boolean {
    return this.#ends.length > 0;
  }

  add(bytes: Buffer): void {
    this.#held = this.#held === null ? bytes : Buffer.concat([this.#held, bytes]);
    this.#go();
  }

  /** Calls `end` once all bytes have been handed on. */
  end(end: () => void): void {
    this.#ends.push(end);
    if (this.#held === null) this.#finish();
  }

  /** Hands on nothing until `resume`. */
  pause(): void {
    this.#isPaused = true;
    this.#holdBack();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#held === null) this.#holdBack();
    else this.#go();
  }

  /** Forgets the bytes that have not been handed on. */
  drop(): void {
    this.#held = null;
  }

  work(share: Share): boolean {
    this.#working = true;
    try {
      while (this.#held !== null && !this.#isPaused && share.isLeft) this.#step(this.#held, share);
      this.#user.onBatch();
    } finally {
      this.#working = false;
    }
    this.#holdBack();
    if (this.#held === null) this.#finish();
    return this.#held !== null && !this.#isPaused;
  }

  #step(bytes: Buffer, share: Share): void {
    const count = this.#user.onBytes(bytes);
    share.spend(count);
    // The user may have dropped the rest.
    if (this.#held !== null) this.#held = count === bytes.length ? null : bytes.subarray(count);
  }

  #go(): void {
    if (!this.#working && !this.#turns.run(this)) this.#holdBack();
  }

  /** Reads from the source only while nothing waits to be handed on. */
  #holdBack(): void {
    const pauses = this.#isPaused || this.#held !== null;
    if (pauses === this.#isSourcePaused) return;
    this.#isSourcePaused = pauses;
    if (pauses) this.#source.pause();
    else this.#source.resume();
  }

  #finish(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}
