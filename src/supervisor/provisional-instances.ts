// Provisional instances, created by a single request: kept once used again, else forgotten when they fall asleep.
import { TenError } from "../core/errors.ts";
import { isAtRest } from "../core/life/instance.ts";
import { formatRef, type InstanceRef, type RefKey } from "../core/ref.ts";
import type { InstanceActor } from "./instance/actor.ts";
import type { InstanceWorld } from "./instance/instance-world.ts";

const RETRY_AFTER_MS = 1000;

export class ProvisionalInstances {
  readonly #world: InstanceWorld;
  readonly #unregister: (actor: InstanceActor) => void;
  /** Not used again so far; of registered instances. */
  readonly #provisional = new Set<InstanceActor>();
  /** Instances that are forgotten, while their files are removed. */
  readonly #leaving = new Set<RefKey>();

  constructor(world: InstanceWorld, unregister: (actor: InstanceActor) => void) {
    this.#world = world;
    this.#unregister = unregister;
  }

  /** Forgets an instance as soon as it falls asleep, unless it has been kept by then. */
  watch(actor: InstanceActor): void {
    this.#provisional.add(actor);
    const fallsAsleep = async () => {
      await actor.until(({ state }) => state.kind !== "asleep");
      await actor.until(({ state }) => state.kind === "asleep");
      await this.forget(actor);
    };
    fallsAsleep().catch((error: unknown) => this.#world.report(error));
  }

  /** From now on it is like one that an operator has registered. */
  keep(actor: InstanceActor): void {
    if (!this.#provisional.delete(actor)) return;
    try {
      this.#world.table.keep(actor.ref);
    } catch (error) {
      // The request is more important; the next server asks for another use of the instance.
      this.#world.report(error);
    }
  }

  /** Forgets a provisional instance at rest, and deletes its files: no second request has used them. */
  async forget(actor: InstanceActor): Promise<void> {
    const { ref } = actor;
    if (!this.#provisional.has(actor) || !isAtRest(actor.instance.state)) return;
    const { home, logs } = this.#world;
    const key = formatRef(ref);
    this.#leaving.add(key);
    try {
      this.#unregister(actor);
      await home.discard(ref);
      logs.forget(ref);
    } finally {
      this.#leaving.delete(key);
    }
  }

  /** The instance is no longer registered. */
  drop(actor: InstanceActor): void {
    this.#provisional.delete(actor);
  }

  /** Throws INSTANCE_UNAVAILABLE. */
  refuseLeaving(ref: InstanceRef): void {
    const name = formatRef(ref);
    if (!this.#leaving.has(name)) return;
    throw new TenError(
      "INSTANCE_UNAVAILABLE",
      `Cannot create "${name}": the files of an earlier one are being removed`,
      { retryAfterMs: RETRY_AFTER_MS },
    );
  }
}
