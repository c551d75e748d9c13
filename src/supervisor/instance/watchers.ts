// Who waits for an instance to get somewhere: into a state, or to the end of a succession.
import type { TenError } from "../../core/errors.ts";
import type { Instance } from "../../core/life/instance.ts";

export type InstancePredicate = (instance: Instance) => boolean;

export class Watchers {
  readonly #watching = new Set<{
    readonly until: InstancePredicate;
    readonly resolve: () => void;
  }>();
  readonly #successions = new Set<PromiseWithResolvers<void>>();

  /** Resolves as soon as an instance that it is told of satisfies the predicate. */
  until(predicate: InstancePredicate): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watching.add({ until: predicate, resolve });
    return promise;
  }

  follow(instance: Instance): void {
    for (const watcher of this.#watching) {
      if (!watcher.until(instance)) continue;
      this.#watching.delete(watcher);
      watcher.resolve();
    }
  }

  /** Resolves when a successor serves; rejects when none will. */
  succession(): Promise<void> {
    const succession = Promise.withResolvers<void>();
    this.#successions.add(succession);
    return succession.promise;
  }

  replaced(): void {
    for (const { resolve } of this.#takeSuccessions()) resolve();
  }

  unreplaced(error: TenError): void {
    for (const { reject } of this.#takeSuccessions()) reject(error);
  }

  #takeSuccessions(): PromiseWithResolvers<void>[] {
    const all = [...this.#successions];
    this.#successions.clear();
    return all;
  }
}
