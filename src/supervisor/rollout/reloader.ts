// Applies a changed configuration to the running server: services that came, changed or went.
import { messageOf, TenError } from "../../core/errors.ts";
import { InstanceError } from "../../core/failure.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import {
  effectiveConfig,
  isSameService,
  planReload,
  type ReloadPlan,
} from "../../core/reload-plan.ts";
import type { Config, Settings } from "../../core/service.ts";
import { loadAndStart, startListed } from "../autostart.ts";
import type { InstanceActor } from "../instance/actor.ts";
import type { Supervisor } from "../supervisor.ts";
import { rollOut } from "./rollout.ts";

export interface ReloadParts {
  readonly supervisor: Supervisor;
  /** Reads the configuration anew; rejects with CONFIG_INVALID and all its problems. */
  readonly load: () => Promise<Config>;
}

export interface ReloadOutcome {
  readonly plan: ReloadPlan;
  /** Instances with a new process, because the shape of theirs had changed. */
  readonly replaced: readonly InstanceRef[];
  /** Starts and replacements that failed; the configuration is in effect all the same. */
  readonly failed: readonly ReloadFailure[];
}

export interface ReloadFailure {
  readonly subject: string;
  readonly reason: string;
  readonly hint?: string;
  /** A replacement that failed to start. */
  readonly start?: { readonly ref: InstanceRef; readonly error: TenError };
}

const NOT_BEGUN = "not replaced, since another failed";

export class Reloader {
  readonly #parts: ReloadParts;
  readonly #settingsOwners: ((settings: Settings) => void)[] = [];
  /** Reloads run one after another: each compares with the result of the last. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ReloadParts) {
    this.#parts = parts;
  }

  /** Calls back with the settings whenever one of them has changed. */
  onSettings(owner: (settings: Settings) => void): void {
    this.#settingsOwners.push(owner);
  }

  /** The changes that a reload would make now. Rejects with CONFIG_INVALID. */
  async plan(): Promise<ReloadPlan> {
    return planReload(this.#parts.supervisor.config, await this.#parts.load());
  }

  /**
   * Resolves when removed services have stopped and every process has the shape that its service asks for. Rejects
   * with CONFIG_INVALID, and changes nothing.
   */
  reload(): Promise<ReloadOutcome> {
    const next = this.#last.then(() => this.#apply());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #apply(): Promise<ReloadOutcome> {
    const { load, supervisor } = this.#parts;
    const wanted = await load();
    const plan = planReload(supervisor.config, wanted);
    // Nothing has changed so far; from here to the first await, everything changes in one turn of the event loop.
    supervisor.reconfigure(effectiveConfig(supervisor.config, wanted));
    const unloaded = this.#unload(plan.removed);
    const changed = this.#reconfigure();
    supervisor.world.queue.limit(supervisor.config.settings);
    if (plan.settings.length > 0) this.#announce(supervisor.config.settings);
    const failed = [...this.#load(plan.added), ...this.#start(plan.instances)];
    const [rolledOut] = await Promise.all([this.#rollOut(changed), unloaded]);
    return { plan, replaced: rolledOut.replaced, failed: [...failed, ...rolledOut.failed] };
  }

  #announce(settings: Settings): void {
    for (const owner of this.#settingsOwners) owner(settings);
  }

  async #unload(services: readonly string[]): Promise<void> {
    const { supervisor } = this.#parts;
    const removed = [...supervisor.actors()].filter(({ ref }) => services.includes(ref.service));
    await Promise.all(removed.map((actor) => supervisor.unload(actor)));
  }

  /** Reconfigures every instance whose service has changed; returns those whose process has an outdated shape. */
  #reconfigure(): readonly InstanceActor[] {
    const { supervisor } = this.#parts;
    for (const actor of supervisor.actors()) {
      const service = supervisor.service(actor.ref.service);
      if (!isSameService(actor.service, service)) actor.reconfigure(service);
    }
    return [...supervisor.actors()].filter(({ isOutdated }) => isOutdated);
  }

  #load(services: readonly string[]): readonly ReloadFailure[] {
    const { supervisor } = this.#parts;
    const rows = supervisor.world.table.list();
    const known = rows.filter(({ ref }) => services.includes(ref.service));
    return known.flatMap((row) => attempt(formatRef(row.ref), () => loadAndStart(supervisor, row)));
  }

  #start(refs: readonly InstanceRef[]): readonly ReloadFailure[] {
    const { supervisor } = this.#parts;
    return refs.flatMap((ref) => attempt(formatRef(ref), () => startListed(supervisor, ref)));
  }

  /** One instance after the other in each service, the services side by side. */
  async #rollOut(actors: readonly InstanceActor[]): Promise<Omit<ReloadOutcome, "plan">> {
    const { clock } = this.#parts.supervisor.world;
    const services = Map.groupBy(actors, ({ ref }) => ref.service);
    const outcomes = await Promise.all(
      [...services.values()].map((members) =>
        rollOut(members, { parallel: 1, clock, health: null }),
      ),
    );
    return {
      replaced: outcomes.flatMap(({ replaced }) => replaced),
      failed: outcomes.flatMap(({ failed, remaining }) => [
        ...failed.map(({ ref, error }) => ({
          ...failure(formatRef(ref), error),
          start: { ref, error },
        })),
        ...remaining.map((ref) => ({ subject: formatRef(ref), reason: NOT_BEGUN })),
      ]),
    };
  }
}

function attempt(subject: RefKey, perform: () => void): readonly ReloadFailure[] {
  try {
    perform();
    return [];
  } catch (thrown) {
    return [failure(subject, thrown)];
  }
}

function failure(subject: string, thrown: unknown): ReloadFailure {
  const reason = thrown instanceof InstanceError ? thrown.failure.reason : messageOf(thrown);
  const hint = thrown instanceof TenError ? thrown.hint : undefined;
  return hint === undefined ? { subject, reason } : { subject, reason, hint };
}
