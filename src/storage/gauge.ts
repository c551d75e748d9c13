// The storage that instances use: measured when asked for, remembered for lists.
import { formatRef, type InstanceRef, type RefKey } from "../core/ref.ts";
import type { Clock } from "../platform/clock.ts";
import type { TreeSize } from "../platform/process/trees.ts";

/**
 * The age at which a list has a size measured again. The files of an instance at rest change only by an operator's
 * hand.
 */
const FRESH_MS = { up: 60_000, resting: 15 * 60_000 };

/** How long a list waits for unknown sizes: a small directory is measured in less. */
const WAIT_MS = 20;

/** Sizes remembered: more instances than one server holds. */
const KNOWN_MAX = 20_000;

export class StorageGauge {
  readonly #clock: Clock;
  readonly #measure: (ref: InstanceRef) => Promise<TreeSize>;
  readonly #known = new Map<RefKey, { readonly bytes: number; readonly at: number }>();
  readonly #running = new Map<RefKey, Promise<TreeSize>>();
  #sweep: Promise<void> | null = null;

  constructor({
    clock,
    measure,
  }: {
    clock: Clock;
    measure: (ref: InstanceRef) => Promise<TreeSize>;
  }) {
    this.#clock = clock;
    this.#measure = measure;
  }

  /** The present size; concurrent calls for one instance share a measurement. */
  measure(ref: InstanceRef): Promise<TreeSize> {
    const key = formatRef(ref);
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    // Meanwhile the instance may have been removed.
    const isWanted = () => this.#running.get(key) === started;
    const started: Promise<TreeSize> = this.#measure(ref)
      .then((size) => (isWanted() ? this.#remember(key, size) : size))
      .finally(() => isWanted() && this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  /** The last known sizes, after a short wait; old ones are measured again, one after the other. */
  async estimate(
    refs: readonly InstanceRef[],
    isResting: (ref: InstanceRef) => boolean,
  ): Promise<ReadonlyMap<RefKey, number>> {
    const now = this.#clock.now();
    const stale = refs.filter((ref) => {
      const known = this.#known.get(formatRef(ref));
      const freshMs = FRESH_MS[isResting(ref) ? "resting" : "up"];
      return known === undefined || known.at < now - freshMs;
    });
    if (stale.length > 0) await this.#waitFor(this.#startSweep(stale));
    return new Map(
      refs.flatMap((ref) => {
        const bytes = this.known(ref);
        return bytes === null ? [] : [[formatRef(ref), bytes] as const];
      }),
    );
  }

  /** The last known size in bytes; null before the first measurement. */
  known(ref: InstanceRef): number | null {
    return this.#known.get(formatRef(ref))?.bytes ?? null;
  }

  /** Marks a size as out of date: the next list has it measured again, and shows it until then. */
  expire(ref: InstanceRef): void {
    const bytes = this.known(ref);
    if (bytes !== null) this.#known.set(formatRef(ref), { bytes, at: Number.NEGATIVE_INFINITY });
  }

  forget(ref: InstanceRef): void {
    this.#known.delete(formatRef(ref));
    this.#running.delete(formatRef(ref));
  }

  #startSweep(stale: readonly InstanceRef[]): Promise<void> {
    this.#sweep ??= this.#measureAll(stale).finally(() => {
      this.#sweep = null;
    });
    return this.#sweep;
  }

  async #measureAll(refs: readonly InstanceRef[]): Promise<void> {
    // An instance that fails keeps its last size; a measurement of that instance alone reports the reason.
    for (const ref of refs) await this.measure(ref).catch(() => undefined);
  }

  async #waitFor(sweep: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(WAIT_MS, resolve);
    await Promise.race([sweep, promise]);
    cancel();
  }

  #remember(key: RefKey, size: TreeSize): TreeSize {
    this.#known.delete(key);
    this.#known.set(key, { bytes: size.bytes, at: this.#clock.now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    return size;
  }
}
