// How much the instances store: measured when asked, remembered for lists.
import type { Clock } from "../platform/clock.ts";

/** How old a remembered size may be before a list has it measured again. */
const FRESH_MS = 60_000;

/** How long a list waits for sizes that it does not know: small directories are measured in less. */
const PATIENCE_MS = 20;

/** Sizes remembered: more instances than one server holds. */
const KNOWN_MAX = 20_000;

export interface Directory {
  /** Key of the instance that it belongs to. */
  readonly key: string;
  readonly path: string;
}

export class StorageGauge {
  readonly #clock: Clock;
  readonly #measure: (path: string) => Promise<number>;
  readonly #known = new Map<string, { readonly bytes: number; readonly at: number }>();
  readonly #running = new Map<string, Promise<number>>();
  #sweep: Promise<void> | null = null;

  constructor({ clock, measure }: { clock: Clock; measure: (path: string) => Promise<number> }) {
    this.#clock = clock;
    this.#measure = measure;
  }

  /** The present size in bytes; those who ask for one directory at the same time share the work. */
  measure({ key, path }: Directory): Promise<number> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = this.#measure(path)
      .then((bytes) => this.#remember(key, bytes))
      .finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  /** The last known sizes, without waiting long; old ones are measured again, one after the other. */
  async estimate(directories: readonly Directory[]): Promise<ReadonlyMap<string, number>> {
    const oldest = this.#clock.now() - FRESH_MS;
    const stale = directories.filter(({ key }) => (this.#known.get(key)?.at ?? -Infinity) < oldest);
    if (stale.length > 0) await this.#waitFor(this.#startSweep(stale));
    return new Map(
      directories.flatMap(({ key }) => {
        const known = this.#known.get(key);
        return known === undefined ? [] : [[key, known.bytes] as const];
      }),
    );
  }

  #startSweep(stale: readonly Directory[]): Promise<void> {
    this.#sweep ??= this.#measureAll(stale).finally(() => {
      this.#sweep = null;
    });
    return this.#sweep;
  }

  async #measureAll(directories: readonly Directory[]): Promise<void> {
    for (const directory of directories) await this.measure(directory);
  }

  async #waitFor(sweep: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#clock.after(PATIENCE_MS, resolve);
    await Promise.race([sweep, promise]);
    cancel();
  }

  #remember(key: string, bytes: number): number {
    this.#known.delete(key);
    this.#known.set(key, { bytes, at: this.#clock.now() });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    return bytes;
  }
}
