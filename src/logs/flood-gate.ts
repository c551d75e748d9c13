// How much of a flood is kept: without a limit, one tenant's would take the processor and push all others' lines out.
import { formatRef, type InstanceRef } from "../core/ref.ts";

/** Kept for good of one instance: some 20 000 lines a second, a tenth of what the archive can take. */
const BYTES_PER_S = 2 * 1024 * 1024;
/** A burst is kept whole up to this size: some 300 000 lines. */
const BURST_BYTES = 32 * 1024 * 1024;
/** An instance that has been quiet for so long has its whole burst again, so nothing need be known of it. */
const FULL_AFTER_MS = (BURST_BYTES / BYTES_PER_S) * 1000;

export class FloodGate {
  readonly #levels = new Map<string, { bytes: number; at: number }>();

  /**
   * Whether so many bytes more of an instance are to be kept.
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

  /** Lets go of those that have been quiet. */
  sweep(now: number): void {
    for (const [key, { at }] of this.#levels) {
      if (now - at > FULL_AFTER_MS) this.#levels.delete(key);
    }
  }
}
