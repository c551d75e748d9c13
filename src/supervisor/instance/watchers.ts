// Callers that wait for an instance to reach a state, or for its process to be replaced.
import type { TenError } from "../../core/errors.ts";
import type { Instance } from "../../core/life/instance.ts";

export type InstancePredicate = (instance: Instance) => boolean;

export class Watchers {
  readonly #watching = new Set<{
    readonly until: InstancePredicate;
    readonly resolve: () => void;
  }>();
  readonly #replacements = new Set<PromiseWithResolvers<void>>();

  /** Resolves as soon as the instance satisfies the predicate. */
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

  /** Resolves when the new process serves; rejects when its start has failed. */
  replacement(): Promise<void> {
    const replacement = Promise.withResolvers<void>();
    this.#replacements.add(replacement);
    return replacement.promise;
  }

  replaced(): void {
    for (const { resolve } of this.#takeReplacements()) resolve();
  }

  unreplaced(error: TenError): void {
    for (const { reject } of this.#takeReplacements()) reject(error);
  }

  #takeReplacements(): PromiseWithResolvers<void>[] {
    const all = [...this.#replacements];
    this.#replacements.clear();
    return all;
  }
}
