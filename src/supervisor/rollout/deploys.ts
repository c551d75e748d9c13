// Moves the traffic of a service from version to version: deploys one, routes from one to another, rolls out to all.
import { TenError } from "../../core/errors.ts";
import { type InstanceState, isUp } from "../../core/life/instance.ts";
import { reportHealth } from "../../core/life/report.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Administration, InstanceView } from "../administration.ts";
import type { InstanceActor } from "../instance/actor.ts";
import { refuseDisabled } from "../operator.ts";
import { persist } from "../persist.ts";
import type { Supervisor } from "../supervisor.ts";
import { type RolloutOptions, type RolloutOutcome, rollOut } from "./rollout.ts";

/** Weights are shares of it: more than all is no more. */
const WEIGHT_MAX = 100;

export interface DeployOrder {
  readonly ref: InstanceRef;
  readonly weight: number;
  readonly timeoutMs: number;
  /** Puts the change on record; called in the transaction that makes it. */
  readonly record: () => void;
}

export interface RouteOrder {
  readonly from: InstanceRef;
  readonly to: InstanceRef;
  /** As that of a deploy. */
  readonly record: () => void;
}

/**
 * All operations reject with INSTANCE_UNKNOWN or SERVICE_UNKNOWN for what is not there, and CONFLICT while one of the
 * same is under way.
 */
export interface Deploys {
  /**
   * Starts an instance, registering it if need be, and gives it its weight once it is healthy. Rejects with
   * START_FAILED when it is not in time; then all is as it was before.
   */
  deploy(order: DeployOrder): Promise<InstanceView>;
  /**
   * Moves the weight of one instance to another, which is started first if need be, then lets the first finish its
   * requests and sleep. Rejects with START_FAILED, and nothing has moved.
   */
  route(order: RouteOrder): Promise<{ readonly from: InstanceView; readonly to: InstanceView }>;
  /** A new process for every running instance of a service. Resolves also when one fails: the outcome says so. */
  rollout(service: string, options: RolloutOptions): Promise<RolloutOutcome>;
}

export class Deployer implements Deploys {
  readonly #supervisor: Supervisor;
  readonly #operator: Pick<Administration, "remove" | "view">;
  /** Instances that are being deployed, services that are being rolled out. */
  readonly #underWay = new Set<RefKey>();

  constructor(supervisor: Supervisor, operator: Pick<Administration, "remove" | "view">) {
    this.#supervisor = supervisor;
    this.#operator = operator;
  }

  deploy({ ref, weight, timeoutMs, record }: DeployOrder): Promise<InstanceView> {
    return this.#exclusively(formatRef(ref), "deploy", async () => {
      const present = this.#supervisor.find(ref);
      if (present !== null) refuseDisabled(present, "deploy");
      const actor = present ?? this.#supervisor.create(ref, { weight: 0 });
      const former = present === null ? null : present.instance.state;
      await this.#tried(actor, former, async () => {
        await this.#becomeHealthy(actor, timeoutMs);
        this.#reweigh(new Map([[actor, weight]]), record);
      });
      return this.#operator.view(ref);
    });
  }

  async route({ from, to, record }: RouteOrder) {
    const [source, target] = [this.#supervisor.get(from), this.#supervisor.get(to)];
    refuseDisabled(target, "route to");
    await this.#exclusively(formatRef(to), "route to", () =>
      this.#tried(target, target.instance.state, async () => {
        await this.#becomeHealthy(target, null);
        const weight = Math.min(target.weight + source.weight, WEIGHT_MAX);
        this.#reweigh(
          new Map([
            [source, 0],
            [target, weight],
          ]),
          record,
        );
      }),
    );
    // An operator may have sent it elsewhere meanwhile.
    if (isUp(source.instance.state)) await source.rest("asleep");
    return { from: this.#operator.view(from), to: this.#operator.view(to) };
  }

  rollout(service: string, options: RolloutOptions): Promise<RolloutOutcome> {
    return this.#exclusively(service, "roll out", () => {
      const { name } = this.#supervisor.service(service);
      const actors = [...this.#supervisor.actors()].filter(({ ref }) => ref.service === name);
      return rollOut(actors, { ...options, clock: this.#supervisor.world.clock });
    });
  }

  async #exclusively<T>(name: RefKey, verb: string, perform: () => Promise<T>): Promise<T> {
    if (this.#underWay.has(name)) {
      throw new TenError("CONFLICT", `Cannot ${verb} "${name}": that is under way already`);
    }
    this.#underWay.add(name);
    try {
      return await perform();
    } finally {
      this.#underWay.delete(name);
    }
  }

  /**
   * Does what may fail to an instance that takes no service-level traffic meanwhile unless it runs already; after a
   * failure it is as it was. @param former null: it was not registered
   */
  async #tried(
    actor: InstanceActor,
    former: InstanceState | null,
    perform: () => Promise<void>,
  ): Promise<void> {
    actor.isHeld = former?.kind !== "running";
    try {
      await perform();
    } catch (error) {
      await this.#restore(actor, former);
      throw error;
    } finally {
      actor.isHeld = false;
    }
  }

  async #restore(actor: InstanceActor, former: InstanceState | null): Promise<void> {
    // Somebody may have removed it meanwhile.
    if (this.#supervisor.find(actor.ref) !== actor) return;
    if (former === null) await this.#operator.remove(actor.ref, { purge: false });
    else if (former.kind === "asleep" || former.kind === "failed") await actor.rest(former.kind);
    else if (former.kind === "stopped") await actor.rest("stopped");
  }

  /** @param timeoutMs null: as long as its service allows a start */
  async #becomeHealthy(actor: InstanceActor, timeoutMs: number | null): Promise<void> {
    const patience = new AbortController();
    const cancel =
      timeoutMs === null
        ? () => undefined
        : this.#supervisor.world.clock.after(timeoutMs, () =>
            patience.abort(notHealthy(actor.ref, `within ${timeoutMs / 1000} s`)),
          );
    try {
      const { signal } = patience;
      const lease = await actor.wake("operator", { signal, by: "an operator" });
      lease.release();
      await Promise.race([actor.until(isDecided), rejection(signal)]);
    } finally {
      cancel();
    }
    if (reportHealth(actor.instance.state) !== "healthy") throw notHealthy(actor.ref, "any more");
  }

  /** All weights at once, or none. */
  #reweigh(weights: ReadonlyMap<InstanceActor, number>, record: () => void): void {
    const { table } = this.#supervisor.world;
    persist(() =>
      table.together(() => {
        for (const [{ ref }, weight] of weights) table.setWeight(ref, weight);
        record();
      }),
    );
    for (const [actor, weight] of weights) actor.weight = weight;
  }
}

/** Whether the latest health check has told something. */
function isDecided({ state }: InstanceActor["instance"]): boolean {
  return state.kind !== "running" || state.missed === 0;
}

function rejection(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

function notHealthy(ref: InstanceRef, when: string): TenError {
  const name = formatRef(ref);
  return new TenError("START_FAILED", `Cannot deploy "${name}": it is not healthy ${when}`);
}
