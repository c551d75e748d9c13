// The times without a server: from a `kill -9` to the moment when the next server listens.

interface Outage {
  readonly from: number;
  to: number;
}

export class Outages {
  readonly #all: Outage[] = [];

  begin(): void {
    this.#all.push({ from: performance.now(), to: Number.POSITIVE_INFINITY });
  }

  end(): void {
    const last = this.#all.at(-1);
    if (last !== undefined) last.to = performance.now();
  }

  /** Whether one was within the two moments, at least in part. */
  overlaps(from: number, to: number): boolean {
    return this.#all.some((outage) => outage.from <= to && outage.to >= from);
  }

  /** Milliseconds, in order of size. */
  get lengths(): readonly number[] {
    return this.#all.map(({ from, to }) => to - from).sort((a, b) => a - b);
  }
}
