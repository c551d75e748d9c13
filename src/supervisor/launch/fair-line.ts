// A line of instances that wait to start, in which each service has its turn.
import type { InstanceRef } from "../../core/ref.ts";

interface Waiting {
  readonly ref: InstanceRef;
}

export class FairLine<Item extends Waiting> {
  /** The service that was longest without a turn comes first. */
  readonly #services = new Map<string, Set<Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: Item): void {
    const line = this.#services.get(item.ref.service) ?? new Set();
    this.#services.set(item.ref.service, line);
    if (line.has(item)) return;
    line.add(item);
    this.#size += 1;
  }

  delete(item: Item): void {
    const line = this.#services.get(item.ref.service);
    if (line?.delete(item) !== true) return;
    this.#size -= 1;
    if (line.size === 0) this.#services.delete(item.ref.service);
  }

  /** Takes the first instance of the service that has the fewest slots. @param slotsOf of a service */
  take(slotsOf: (service: string) => number): Item | undefined {
    let chosen: { service: string; slots: number } | null = null;
    for (const service of this.#services.keys()) {
      const slots = slotsOf(service);
      if (chosen === null || slots < chosen.slots) chosen = { service, slots };
    }
    if (chosen === null) return undefined;
    const line = this.#services.get(chosen.service);
    const [first] = line ?? [];
    if (line === undefined || first === undefined) return undefined;
    this.delete(first);
    if (line.size > 0) {
      this.#services.delete(chosen.service);
      this.#services.set(chosen.service, line);
    }
    return first;
  }
}
