// Carries out the control API's orders about instances: register, start, stop, restart, disable, remove.
import { setImmediate } from "node:timers/promises";
import { TenError } from "../core/errors.ts";
import { idleAt } from "../core/life/deadlines.ts";
import { isAtRest, type RestGoal } from "../core/life/instance.ts";
import { nextDeadline } from "../core/life/lifecycle.ts";
import { isDisabled, reportFailure, reportHealth, reportState } from "../core/life/report.ts";
import { formatRef, type InstanceRef } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import { EXPOSED } from "../core/walls.ts";
import type { TreeSize } from "../platform/process/trees.ts";
import type {
  Administration,
  Exec,
  ExecRequest,
  InstanceStory,
  InstanceView,
  Registration,
} from "./administration.ts";
import type { InstanceActor } from "./instance/actor.ts";
import { persist } from "./persist.ts";
import type { Supervisor } from "./supervisor.ts";

export class Operator implements Administration {
  readonly #supervisor: Supervisor;
  /** Instances whose files are being deleted. */
  readonly #purges = new Map<InstanceActor, Promise<void>>();

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  services(): ReadonlyMap<string, Service> {
    return this.#supervisor.config.services;
  }

  list(): readonly InstanceView[] {
    return [...this.#supervisor.actors()]
      .map((actor) => this.#view(actor))
      .sort((a, b) => (formatRef(a.ref) < formatRef(b.ref) ? -1 : 1));
  }

  view(ref: InstanceRef): InstanceView {
    return this.#view(this.#supervisor.get(ref));
  }

  story(ref: InstanceRef): InstanceStory {
    const actor = this.#supervisor.get(ref);
    const { facts, instance, leaseCounts, story } = actor;
    const { kind } = instance.state;
    const sleepsAt = idleAt(instance, facts);
    return {
      view: this.#view(actor),
      openRequests: leaseCounts.requests,
      openTunnels: leaseCounts.tunnels,
      sleepsAt: sleepsAt === Number.POSITIVE_INFINITY ? null : this.#wallOf(sleepsAt),
      retriesAt: kind === "waiting" ? this.#wallOf(nextDeadline(instance, facts)) : null,
      lastWake: story.lastWake,
      lastExit: story.lastExit,
      lastLaunch: story.lastLaunch,
    };
  }

  async memory(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>> {
    const bytes = new Map<string, number>();
    for (const ref of refs) {
      for (const { child } of this.#supervisor.find(ref)?.processes ?? []) {
        const key = formatRef(ref);
        bytes.set(key, (bytes.get(key) ?? 0) + (await child.memoryBytes()));
      }
      // Requests go first.
      await setImmediate();
    }
    return bytes;
  }

  measureStorage(ref: InstanceRef): Promise<TreeSize> {
    return this.#supervisor.world.storage.measure(this.#supervisor.get(ref));
  }

  storage(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>> {
    return this.#supervisor.world.storage.estimate(refs, (ref) => {
      const actor = this.#supervisor.find(ref);
      return actor === null || isAtRest(actor.instance.state);
    });
  }

  dataDirectory(ref: InstanceRef): string {
    return this.#supervisor.world.home.directory(this.#supervisor.get(ref).ref);
  }

  register(ref: InstanceRef, { env, weight }: Registration): void {
    const actor = this.#supervisor.find(ref);
    if (actor === null) {
      const given = { ...(env && { env }), ...(weight !== undefined && { weight }) };
      this.#supervisor.create(ref, given);
      return;
    }
    this.#supervisor.provisional.keep(actor);
    if (weight !== undefined) this.setWeight(ref, weight);
    if (env !== undefined) this.setEnvironment(ref, env);
  }

  async start(ref: InstanceRef): Promise<InstanceView> {
    const actor = this.#keep(ref);
    refuseDisabled(actor, "start");
    await this.#supervisor.startByOrder(actor);
    return this.#view(actor);
  }

  stop(ref: InstanceRef): Promise<InstanceView> {
    return this.#rest(ref, "stopped");
  }

  sleep(ref: InstanceRef): Promise<InstanceView> {
    refuseDisabled(this.#supervisor.get(ref), "put to sleep");
    return this.#rest(ref, "asleep");
  }

  async restart(ref: InstanceRef): Promise<InstanceView> {
    const actor = this.#supervisor.get(ref);
    refuseDisabled(actor, "restart");
    await this.#supervisor.world.storage.admit(actor);
    actor.send({ kind: "rest", to: "restart" });
    return this.start(ref);
  }

  disable(ref: InstanceRef): Promise<InstanceView> {
    return this.#rest(ref, "disabled");
  }

  async enable(ref: InstanceRef): Promise<InstanceView> {
    const actor = this.#supervisor.get(ref);
    this.#refusePurging(actor);
    actor.send({ kind: "rest", to: "enabled" });
    return actor.service.idleTimeoutMs === 0 ? this.start(ref) : this.#view(actor);
  }

  async remove(ref: InstanceRef, { purge }: { purge: boolean }): Promise<void> {
    const actor = this.#supervisor.get(ref);
    if (!this.#purges.has(actor)) await this.#rest(ref, "disabled");
    await this.#supervisor.execs.endOf(ref, "the instance was removed");
    refuseUnlessDisabled(actor, "remove");
    if (purge || this.#purges.has(actor)) await this.#purge(actor);
    else this.#supervisor.unregister(actor);
  }

  async exec(ref: InstanceRef, request: ExecRequest): Promise<Exec> {
    const actor = this.#keep(ref);
    this.#refusePurging(actor);
    return await this.#supervisor.execs.run(actor, request);
  }

  setWeight(ref: InstanceRef, weight: number): InstanceView {
    const actor = this.#keep(ref);
    persist(() => this.#supervisor.world.table.setWeight(ref, weight));
    actor.weight = weight;
    return this.#view(actor);
  }

  environment(ref: InstanceRef): Readonly<Record<string, string>> {
    return this.#supervisor.get(ref).env;
  }

  setEnvironment(ref: InstanceRef, changes: Readonly<Record<string, string | null>>): void {
    const actor = this.#keep(ref);
    const merged = Object.entries({ ...actor.env, ...changes });
    const env = Object.fromEntries(
      merged.filter((entry): entry is [string, string] => entry[1] !== null),
    );
    persist(() => this.#supervisor.world.table.setEnv(ref, env));
    actor.env = env;
  }

  /** Deletes the files, however long it takes, and only then forgets the instance. */
  #purge(actor: InstanceActor): Promise<void> {
    const running = this.#purges.get(actor);
    if (running !== undefined) return running;
    const { home, logs } = this.#supervisor.world;
    const purge = home
      .purge(actor.ref)
      .then(() => {
        this.#supervisor.unregister(actor);
        logs.forget(actor.ref);
      })
      .finally(() => this.#purges.delete(actor));
    this.#purges.set(actor, purge);
    return purge;
  }

  /** Throws CONFLICT. */
  #refusePurging(actor: InstanceActor): void {
    if (!this.#purges.has(actor)) return;
    const name = formatRef(actor.ref);
    throw new TenError("CONFLICT", `Cannot change "${name}": its files are being deleted`);
  }

  /** The instance, no longer provisional: an order of an operator or a tenant is a use. */
  #keep(ref: InstanceRef): InstanceActor {
    const actor = this.#supervisor.get(ref);
    this.#supervisor.provisional.keep(actor);
    return actor;
  }

  async #rest(ref: InstanceRef, to: RestGoal): Promise<InstanceView> {
    const actor = this.#keep(ref);
    this.#refusePurging(actor);
    await actor.rest(to);
    return this.#view(actor);
  }

  #view(actor: InstanceActor): InstanceView {
    const { instance, launched, ref, service, traffic, weight } = actor;
    const { state } = instance;
    const { clock, launches, storage } = this.#supervisor.world;
    const outdated = actor.isOutdated ? "its configuration has changed since it started" : null;
    const isRunning = state.kind === "running";
    const isExposed = isRunning && launched !== null && launches.isExposed(launched, service);
    const exposed = isExposed ? EXPOSED : null;
    const warnings = [outdated, actor.record.warning, storage.warningOf(ref), exposed];
    return {
      ref,
      weight,
      state: reportState(state),
      health: reportHealth(state),
      failure: reportFailure(state),
      warnings: warnings.filter((warning) => warning !== null),
      endpoint: isRunning ? state.endpoint : null,
      pid: launched?.child.app ?? null,
      port: launched?.port ?? null,
      uptimeMs: launched === null ? null : Math.max(0, clock.wall() - launched.startedAt),
      idleMs: isRunning ? idleMs(traffic, clock.now()) : null,
      restarts: instance.restarts,
      storageQuotaBytes: service.storageQuotaBytes,
      gaps: launched === null ? [] : launches.gaps(service),
    };
  }

  #wallOf(moment: number): number {
    const { clock } = this.#supervisor.world;
    return Math.round(clock.wall() + moment - clock.now());
  }
}

function idleMs({ open, lastActiveAt }: InstanceActor["traffic"], now: number): number {
  return open > 0 ? 0 : now - lastActiveAt;
}

/** Throws CONFLICT where an instance has been enabled again, or still has a process. */
function refuseUnlessDisabled({ ref, instance }: InstanceActor, verb: string): void {
  if (isAtRest(instance.state) && isDisabled(instance.state)) return;
  throw new TenError("CONFLICT", `Cannot ${verb} "${formatRef(ref)}": it was enabled meanwhile`);
}

/** Throws CONFLICT. */
export function refuseDisabled({ ref, instance }: InstanceActor, verb: string): void {
  if (!isDisabled(instance.state)) return;
  const name = formatRef(ref);
  throw new TenError("CONFLICT", `Cannot ${verb} "${name}": it is disabled`, {
    hint: `Enable it with: ten enable ${name}`,
  });
}
