// Learns how a launch treats its connections after an answer: whether it keeps them open, and for how long.

/** Which kept connections a request may use: a safe one is not about to be closed by the tenant. */
export type Reuse = "any" | "safe" | "none";

/** An application that closes its connections behind each answer has done so by then, also on a busy machine. */
const PROOF_MS = 500;

/** A connection that ended sooner was closed because of its answer, and not because it was idle. */
const RIGHT_BEHIND_MS = 100;

/** The tenant closes idle connections after a time of its own, which is seldom below a second. */
const SAFE_MS_MAX = 1000;

/** One connection may have been closed for another reason: after that time the next one is tried. */
const TRIAL_AFTER_MS = 10_000;

type Habit =
  | { readonly kind: "unproven" }
  /** A connection that has been idle for less than `safeMs` is not about to be closed. */
  | { readonly kind: "keeps"; readonly safeMs: number }
  /** Closes its connections behind their answers without saying so. */
  | { readonly kind: "closes"; readonly until: number };

const UNPROVEN: Habit = { kind: "unproven" };

export class KeepAlive {
  #habit: Habit = UNPROVEN;

  /** Whether a connection is worth keeping after its answer. */
  isWorthwhile(now: number): boolean {
    if (this.#habit.kind === "closes" && now >= this.#habit.until) this.#habit = UNPROVEN;
    return this.#habit.kind !== "closes";
  }

  allows(reuse: Reuse, idleMs: number): boolean {
    if (reuse !== "safe") return reuse === "any";
    return this.#habit.kind === "keeps" && idleMs < this.#habit.safeMs;
  }

  /** A connection is open `idleMs` after its answer. */
  isOpenAfter(idleMs: number): void {
    if (idleMs >= PROOF_MS) this.servedAgain();
  }

  /** A connection has answered a second request. */
  servedAgain(): void {
    if (this.#habit.kind !== "keeps") this.#habit = { kind: "keeps", safeMs: SAFE_MS_MAX };
  }

  /** The tenant has closed a connection `idleMs` after its answer. */
  closedAfter(idleMs: number, now: number): void {
    if (this.#habit.kind !== "keeps" && idleMs < RIGHT_BEHIND_MS) {
      this.#habit = { kind: "closes", until: now + TRIAL_AFTER_MS };
      return;
    }
    const safeMs = this.#habit.kind === "keeps" ? this.#habit.safeMs : SAFE_MS_MAX;
    this.#habit = { kind: "keeps", safeMs: Math.min(safeMs, idleMs / 2) };
  }
}
