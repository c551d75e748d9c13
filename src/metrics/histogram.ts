// Histogram of durations, cheap enough for every request: an addition and a search among a dozen bounds.

/** Upper bounds in milliseconds: forwarding takes fractions of one, a wake tens, a streamed response minutes. */
export const BOUNDS_MS: readonly number[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];

export class DurationHistogram {
  /** Per bound, not cumulative; the last counts durations beyond every bound. */
  readonly counts: number[] = new Array(BOUNDS_MS.length + 1).fill(0);
  count = 0;
  sumMs = 0;

  add(durationMs: number): void {
    const index = BOUNDS_MS.findIndex((bound) => durationMs <= bound);
    const slot = index < 0 ? BOUNDS_MS.length : index;
    this.counts[slot] = (this.counts[slot] ?? 0) + 1;
    this.count++;
    this.sumMs += durationMs;
  }

  merge(other: DurationHistogram): void {
    for (const [slot, count] of other.counts.entries()) {
      this.counts[slot] = (this.counts[slot] ?? 0) + count;
    }
    this.count += other.count;
    this.sumMs += other.sumMs;
  }

  /**
   * The quantile in milliseconds, interpolated linearly between bounds as by Prometheus' `histogram_quantile`; null
   * without samples.
   * @param share from 0 to 1
   */
  quantile(share: number): number | null {
    if (this.count === 0) return null;
    let left = share * this.count;
    for (const [slot, count] of this.counts.entries()) {
      if (count > 0 && left <= count) return interpolate(slot, left / count);
      left -= count;
    }
    return BOUNDS_MS.at(-1) ?? null;
  }
}

function interpolate(slot: number, share: number): number {
  const lower = BOUNDS_MS[slot - 1] ?? 0;
  // Beyond the last bound the duration is unknown.
  const upper = BOUNDS_MS[slot] ?? lower;
  return lower + (upper - lower) * share;
}
