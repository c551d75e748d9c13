// Deploys a new version of a service: starts and weighs an instance, moves traffic to it, replaces all processes.
import { unreachable } from "../../core/assert.ts";
import { TenError } from "../../core/errors.ts";
import {
  boundFor,
  type Instance,
  type InstanceState,
  isAtRest,
  isUp,
} from "../../core/life/instance.ts";
import { TRIAL_MS } from "../../core/life/replacement.ts";
import { reportHealth } from "../../core/life/report.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Administration, InstanceView } from "../administration.ts";
import type { InstanceActor } from "../instance/actor.ts";
import { ANY_ANSWER } from "../instance/probe.ts";
import { refuseDisabled } from "../operator.ts";
import { persist } from "../persist.ts";
import type { Supervisor } from "../supervisor.ts";
import { type RolloutOptions, type RolloutOutcome, rollOut } from "./rollout.ts";

const ASK_AGAIN_MS = 50;

/** A weight is a share of 100: the sum of two weights is cut to it. */
const WEIGHT_MAX = 100;

export interface DeployOrder {
  readonly ref: InstanceRef;
  readonly weight: number;
  readonly timeoutMs: number;
  /** Writes the audit row; called in the transaction of the change. */
  readonly record: () => void;
}

export interface RouteOrder {
  readonly from: InstanceRef;
  readonly to: InstanceRef;
  /** Writes the audit row; called in the transaction of the change. */
  readonly record: () => void;
}

/**
 * All operations reject with INSTANCE_UNKNOWN or SERVICE_UNKNOWN for an unknown instance or service, and with
 * CONFLICT while another operation on it is under way.
 */
export interface Deploys {
  /**
   * Starts an instance, which it registers if necessary, and sets its weight once it is healthy. Rejects with
   * START_FAILED when it is not healthy in time, and with CONFLICT while it is over its quota. An instance that was at
   * rest rests again; one that was up goes on by its restart policy.
   */
  deploy(order: DeployOrder): Promise<InstanceView>;
  /**
   * Starts the instance `to` if necessary, moves the weight of `from` to it, and lets `from` finish its requests and
   * sleep. When `to` does not start, rejects with START_FAILED and moves nothing.
   */
  route(order: RouteOrder): Promise<{ readonly from: InstanceView; readonly to: InstanceView }>;
  /** Replaces the process of every running instance of a service. Resolves even if one fails; see the outcome. */
  rollout(service: string, options: RolloutOptions): Promise<RolloutOutcome>;
}

export class Deployer implements Deploys {
  readonly #supervisor: Supervisor;
  readonly #operator: Pick<Administration, "remove" | "view">;
  /** Instances of deploys and routes, services of rollouts. */
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
      this.#supervisor.provisional.keep(actor);
      const former = present === null ? null : present.instance.state;
      await this.#attempt(actor, former, async () => {
        await this.#becomeHealthy(actor, timeoutMs);
        this.#setWeights(new Map([[actor, weight]]), record);
      });
      return this.#operator.view(ref);
    });
  }

  async route({ from, to, record }: RouteOrder) {
    const [source, target] = [this.#supervisor.get(from), this.#supervisor.get(to)];
    refuseDisabled(target, "route to");
    this.#supervisor.provisional.keep(target);
    await this.#exclusively(formatRef(to), "route to", () =>
      this.#attempt(target, target.instance.state, async () => {
        await this.#becomeHealthy(target, null);
        const weight = Math.min(target.weight + source.weight, WEIGHT_MAX);
        this.#setWeights(
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
      const { health, name } = this.#supervisor.service(service);
      const actors = [...this.#supervisor.actors()].filter(({ ref }) => ref.service === name);
      refuseFailed(name, actors);
      const { clock } = this.#supervisor.world;
      return rollOut(actors, { ...options, clock, health });
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
   * Performs a change of an instance, and undoes it after a failure. Unless the instance already runs, it takes no
   * service-level traffic meanwhile.
   * @param former null: it was not registered
   */
  async #attempt(
    actor: InstanceActor,
    former: InstanceState | null,
    perform: () => Promise<void>,
  ): Promise<void> {
    using _ = former?.kind === "running" ? null : this.#supervisor.holdBack(actor);
    try {
      await perform();
    } catch (error) {
      await this.#restore(actor, former).catch(this.#supervisor.world.report);
      throw error;
    }
  }

  async #restore(actor: InstanceActor, former: InstanceState | null): Promise<void> {
    // An operator may have removed it meanwhile.
    if (this.#supervisor.find(actor.ref) !== actor) return;
    if (former === null) await this.#operator.remove(actor.ref, { purge: false });
    else await restoreRest(actor, former);
  }

  /** @param timeoutMs null: the start-up timeout of its service */
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
      await this.#supervisor.startByOrder(actor, { signal, by: "an operator" });
      const overdue = rejection(signal);
      await Promise.race([actor.until(isChecked), overdue]);
      if (actor.service.health === null) await Promise.race([this.#try(actor, signal), overdue]);
    } finally {
      cancel();
    }
    if (reportHealth(actor.instance.state) !== "healthy") throw notHealthy(actor.ref, "any more");
  }

  /** Resolves when the process has answered a request, and has lived for a while after that. */
  async #try(actor: InstanceActor, signal: AbortSignal): Promise<void> {
    const { clock } = this.#supervisor.world;
    const { launch } = actor.instance;
    const runs = (latest: Instance) => latest.launch === launch && latest.state.kind === "running";
    const deadline = clock.now() + actor.service.startupTimeoutMs;
    while (!signal.aborted) {
      const answer = await actor.ask(ANY_ANSWER);
      if (answer.kind === "ready" || !runs(actor.instance)) break;
      const reason = answer.kind === "unready" ? answer.reason : "it could not be asked";
      if (clock.now() >= deadline) throw notHealthy(actor.ref, `yet: ${reason}`);
      await this.#pause(ASK_AGAIN_MS);
    }
    await Promise.race([this.#pause(TRIAL_MS), actor.until((latest) => !runs(latest))]);
    if (!runs(actor.instance)) throw notHealthy(actor.ref, "any more");
  }

  #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#supervisor.world.clock.after(delayMs, resolve);
    return promise;
  }

  /** Sets all weights in one transaction. */
  #setWeights(weights: ReadonlyMap<InstanceActor, number>, record: () => void): void {
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

/** Throws FAILED for a service whose instances have all failed: there is nothing to replace, and nothing serves. */
function refuseFailed(service: string, actors: readonly InstanceActor[]): void {
  const [first] = actors;
  const state = first?.instance.state;
  if (first === undefined || state?.kind !== "failed") return;
  if (!actors.every(({ instance }) => instance.state.kind === "failed")) return;
  const name = formatRef(first.ref);
  throw new TenError(
    "FAILED",
    `Cannot roll out "${service}": all of its instances have failed, ${name} since it ${state.failure.reason}`,
    { hint: `Correct the cause, then start them: ten start ${name}` },
  );
}

/**
 * Brings an instance back to the rest that it was at. One that was up goes on by its restart policy, and an order that
 * has stopped it meanwhile stays in force.
 */
async function restoreRest(actor: InstanceActor, former: InstanceState): Promise<void> {
  const { kind } = boundFor(actor.instance.state);
  if (kind === "stopped" || kind === "halted") return;
  const rest = boundFor(former);
  switch (rest.kind) {
    case "asleep":
    case "stopped":
    case "failed":
      return await actor.rest(rest.kind);
    case "halted":
      // An attempt that made it fail is over: a failed instance is not halted.
      actor.send({ kind: "rest", to: "asleep" });
      actor.send({ kind: "halt", failure: rest.failure });
      return await actor.until(({ state }) => isAtRest(state));
    case "queued":
    case "starting":
    case "running":
    case "waiting":
    case "start":
    case "crashed":
      return;
    default:
      unreachable(rest);
  }
}

/** Whether the latest health check has succeeded, or the instance no longer runs. */
function isChecked({ state }: InstanceActor["instance"]): boolean {
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
