// The registry of instances: finds, picks, wakes, creates and removes them.
import { assert } from "../core/assert.ts";
import { TenError } from "../core/errors.ts";
import { isAtRest, needsOperator } from "../core/life/instance.ts";
import { formatRef, type InstanceRef, isLabel, type RefKey } from "../core/ref.ts";
import {
  decideTarget,
  ownerOf,
  pickByWeight,
  type RoutingTable,
  type Target,
} from "../core/routing.ts";
import type { Config, NamedTarget, Service } from "../core/service.ts";
import type { InstanceRow } from "../database/instances.ts";
import { Domains } from "./domains.ts";
import { Execs } from "./exec/execs.ts";
import type { Gateway, Lease, Patience } from "./gateway.ts";
import { InstanceActor } from "./instance/actor.ts";
import type { InstanceWorld } from "./instance/instance-world.ts";
import { persist } from "./persist.ts";
import { ProvisionalInstances } from "./provisional-instances.ts";

export const WEIGHT_DEFAULT = 100;

export class Supervisor implements Gateway {
  readonly world: InstanceWorld;
  readonly domains: Domains;
  readonly execs: Execs;
  readonly provisional: ProvisionalInstances;
  readonly #actors = new Map<RefKey, InstanceActor>();
  readonly #byService = new Map<string, Set<InstanceActor>>();
  /** Instances whose service is no longer configured, while they stop. */
  readonly #leaving = new Set<InstanceActor>();
  /** Instances of deploys under way, which take no traffic of their service, whatever their weight. */
  readonly #held = new Set<InstanceActor>();
  readonly #routes: RoutingTable;
  #config: Config;

  constructor(config: Config, { domain, world }: { domain: string; world: InstanceWorld }) {
    this.#config = config;
    this.world = world;
    this.execs = new Execs(world);
    this.provisional = new ProvisionalInstances(world, (actor) => this.unregister(actor));
    const routing = () => this.#config.routing;
    this.#routes = {
      domain,
      get overrides() {
        return routing();
      },
      customHostname: (hostname) => this.domains.find(hostname),
      hasService: (service) => this.#config.services.has(service),
      hasInstance: (ref) => this.#actors.has(formatRef(ref)) || this.#createsOnRequest(ref),
    };
    this.domains = new Domains({
      table: world.domains,
      rootDomain: domain,
      ownerOf: (hostname) => ownerOf(hostname, this.#routes),
      checkTarget: (target) => this.#checkTarget(target),
    });
  }

  /** In effect. */
  get config(): Config {
    return this.#config;
  }

  /** Routing uses the new configuration at once; each instance has to be reconfigured. */
  reconfigure(config: Config): void {
    this.#config = config;
  }

  decide(request: { hostname: string; path: string }): Target {
    return decideTarget(request, this.#routes);
  }

  service(name: string): Service {
    const service = this.config.services.get(name);
    if (service !== undefined) return service;
    throw new TenError(
      "SERVICE_UNKNOWN",
      `Cannot find service "${name}": it is not in the configuration`,
      { hint: `Add [service.${name}] to tenement.toml` },
    );
  }

  /** A sleeping instance keeps its share, and the request wakes it. */
  pick(service: string, passedOver: ReadonlySet<string>): InstanceRef | null {
    const candidates = [...(this.#byService.get(service) ?? [])].filter(
      (actor) =>
        !this.#held.has(actor) &&
        !passedOver.has(formatRef(actor.ref)) &&
        !needsOperator(actor.instance.state),
    );
    return pickByWeight(candidates, this.world.random());
  }

  /** Holds an instance back from the traffic of its service until the hold is disposed of. */
  holdBack(actor: InstanceActor): Disposable {
    this.#held.add(actor);
    return { [Symbol.dispose]: () => this.#held.delete(actor) };
  }

  lease(ref: InstanceRef): Lease | null {
    const actor = this.#actors.get(formatRef(ref));
    if (actor === undefined) return null;
    this.provisional.keep(actor);
    return actor.lease();
  }

  isFull(ref: InstanceRef): boolean {
    return this.#actors.get(formatRef(ref))?.isFull ?? false;
  }

  wake(ref: InstanceRef, patience: Patience): Promise<Lease> {
    const known = this.find(ref);
    if (known !== null) this.provisional.keep(known);
    const actor = known ?? this.#createOnRequest(ref, patience);
    return actor.wake("request", patience);
  }

  /** Starts an instance by an operator's order. Rejects with CONFLICT while it is over its quota. */
  async startByOrder(actor: InstanceActor, patience?: Patience): Promise<void> {
    const admission = this.world.storage.admit(actor);
    if (admission !== null) await admission;
    const lease = await actor.wake("operator", patience);
    lease.release();
  }

  async isRunning(ref: InstanceRef, launch: number): Promise<boolean> {
    return (await this.find(ref)?.isRunning(launch)) ?? false;
  }

  actors(): Iterable<InstanceActor> {
    return this.#actors.values();
  }

  /** Null: not registered. */
  find(ref: InstanceRef): InstanceActor | null {
    return this.#actors.get(formatRef(ref)) ?? null;
  }

  /** Throws INSTANCE_UNKNOWN, or SERVICE_UNKNOWN where the service is not configured. */
  get(ref: InstanceRef): InstanceActor {
    const actor = this.find(ref);
    if (actor !== null) return actor;
    this.service(ref.service);
    const name = formatRef(ref);
    throw new TenError("INSTANCE_UNKNOWN", `Cannot find "${name}": it is not registered`, {
      hint: `Register it with: ten spawn ${name}`,
    });
  }

  /** Adds an instance, asleep, to the database and to the registry. Throws STORAGE_FAILED. */
  create(
    ref: InstanceRef,
    given: { weight?: number; env?: Readonly<Record<string, string>>; provisional?: boolean },
  ): InstanceActor {
    const service = this.service(ref.service);
    this.provisional.refuseLeaving(ref);
    const { weight = WEIGHT_DEFAULT, env = {}, provisional = false } = given;
    const fresh = { wanted: "asleep", failure: null, child: null, second: null } as const;
    const row: InstanceRow = { ref, ...fresh, weight, env, provisional };
    persist(() => this.world.table.insert(row));
    return this.load(row, service);
  }

  /** Adds an instance of the database to the registry. */
  load(row: InstanceRow, service: Service): InstanceActor {
    const actor = new InstanceActor(row, service, this.world);
    this.#actors.set(formatRef(row.ref), actor);
    this.world.statistics.register(row.ref);
    const siblings = this.#byService.get(service.name) ?? new Set();
    this.#byService.set(service.name, siblings.add(actor));
    if (row.provisional) this.provisional.watch(actor);
    return actor;
  }

  /** Deletes an instance at rest from the database and from the registry. Throws STORAGE_FAILED. */
  unregister(actor: InstanceActor): void {
    const { domains, table } = this.world;
    assert(isAtRest(actor.instance.state), "an instance that is unregistered has no process");
    persist(() =>
      table.together(() => {
        domains.deleteOf(actor.ref);
        table.delete(actor.ref);
      }),
    );
    this.domains.forget(actor.ref);
    this.#unlist(actor);
    this.#forget(actor.ref);
  }

  /** Leaves every instance to the next server; see `handOver`. */
  abandon(onTraffic: (actor: InstanceActor) => void): void {
    this.execs.abandon();
    for (const actor of this.actors()) {
      this.world.storage.forget(actor.ref);
      actor.abandon(() => onTraffic(actor));
    }
  }

  /** Stops an instance whose service is no longer configured. Its row and its data stay: the service may return. */
  async unload(actor: InstanceActor): Promise<void> {
    this.#unlist(actor);
    this.#leaving.add(actor);
    const ended = this.execs.endOf(actor.ref, "its service is no longer configured");
    await Promise.all([ended, shutDownAll(() => [actor])]);
    this.#leaving.delete(actor);
    this.#forget(actor.ref);
  }

  /** Stops every instance; resolves when all processes have ended. */
  async close(): Promise<void> {
    const shutDown = shutDownAll(() => [...this.#actors.values(), ...this.#leaving]);
    await Promise.all([this.execs.close("the server stops"), shutDown]);
  }

  #unlist(actor: InstanceActor): void {
    this.#actors.delete(formatRef(actor.ref));
    this.provisional.drop(actor);
    this.#byService.get(actor.ref.service)?.delete(actor);
    this.world.statistics.forget(actor.ref);
  }

  /** Frees the resources of an instance that is no longer in the registry. */
  #forget(ref: InstanceRef): void {
    this.world.home.forget(ref);
    this.world.storage.forget(ref);
  }

  #checkTarget({ service, id }: NamedTarget): void {
    const actor = id === null ? null : this.find({ service, id });
    if (actor !== null) this.provisional.keep(actor);
    if (id !== null && !this.service(service).autoCreate) this.get({ service, id });
    else this.service(service);
  }

  #createsOnRequest({ service }: InstanceRef): boolean {
    return this.#config.services.get(service)?.autoCreate === true;
  }

  /** It takes no traffic of its service, and is kept at once if the request may write, or finds something there. */
  #createOnRequest(ref: InstanceRef, { isSafe = false }: Patience): InstanceActor {
    const { autoCreate, maxInstances } = this.service(ref.service);
    if (!autoCreate || !isLabel(ref.id)) return this.get(ref);
    const siblings = this.#byService.get(ref.service) ?? new Set();
    if (maxInstances > 0 && siblings.size >= maxInstances) this.#forgetProvisional(siblings);
    if (maxInstances > 0 && siblings.size >= maxInstances) {
      throw new TenError(
        "INSTANCE_UNAVAILABLE",
        `Cannot create "${formatRef(ref)}": the service is full`,
      );
    }
    const isNew = !this.world.home.exists(ref) && this.domains.list(ref).length === 0;
    return this.create(ref, { weight: 0, provisional: isSafe && isNew });
  }

  /** Those that were asleep when the server started. */
  #forgetProvisional(actors: ReadonlySet<InstanceActor>): void {
    for (const actor of [...actors]) {
      this.provisional.forget(actor).catch((error: unknown) => this.world.report(error));
    }
  }
}

async function shutDownAll(actors: () => readonly InstanceActor[]): Promise<void> {
  do {
    await Promise.all(actors().map((actor) => actor.shutDown()));
    // An order that was under way may have started one meanwhile.
  } while (actors().some(({ instance }) => !isAtRest(instance.state)));
}
