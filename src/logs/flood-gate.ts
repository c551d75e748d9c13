// Limits the log rate of each instance (token bucket): a flood must not take the processor and the disk from others.
import { formatRef, type InstanceRef } from "../core/ref.ts";

/** The steady rate of one instance: some 20 000 lines a second, a tenth of the archive's capacity. */
const BYTES_PER_S = 2 * 1024 * 1024;
/** The largest burst that is kept completely: some 300 000 lines. */
const BURST_BYTES = 32 * 1024 * 1024;
/** After so long a silence the bucket is full again, and needs no entry. */
const FULL_AFTER_MS = (BURST_BYTES / BYTES_PER_S) * 1000;

export class FloodGate {
  readonly #levels = new Map<string, { bytes: number; at: number }>();

  /**
   * Whether these bytes of an instance are to be kept.
   * @param now milliseconds
   */
  admits(ref: InstanceRef, { bytes, now }: { bytes: number; now: number }): boolean {
    const key = formatRef(ref);
    const level = this.#levels.get(key) ?? { bytes: BURST_BYTES, at: now };
    const refilled = level.bytes + ((now - level.at) / 1000) * BYTES_PER_S;
    const available = Math.min(Math.max(refilled, 0), BURST_BYTES);
    const admitted = available >= bytes;
    this.#levels.set(key, { bytes: admitted ? available - bytes : available, at: now });
    return admitted;
  }

  /** Removes the entries of instances that have been silent. */
  sweep(now: number): void {
    for (const [key, { at }] of this.#levels) {
      if (now - at > FULL_AFTER_MS) this.#levels.delete(key);
    }
  }
}
