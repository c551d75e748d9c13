// One instance in motion: events in, effects out. Nothing else changes its state.
import { unreachable } from "../core/assert.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { TenError } from "../core/errors.ts";
import {
  type Cause,
  type Effect,
  type Event,
  type Facts,
  type Instance,
  type InstanceState,
  newInstance,
  type Refusal,
  type Traffic,
} from "../core/instance.ts";
import { idleAt } from "../core/deadlines.ts";
import { nextDeadline, step } from "../core/lifecycle.ts";
import { formatRef, type InstanceRef } from "../core/ref.ts";
import { restoreState } from "../core/report.ts";
import type { Service } from "../core/service.ts";
import type { Clock } from "../platform/clock.ts";
import type { DomainTable } from "../store/domains.ts";
import type { InstanceRow, InstanceTable } from "../store/instances.ts";
import type { Statistics } from "../telemetry/statistics.ts";
import type { Lease, Patience } from "./gateway.ts";
import { InstanceJournal } from "./journal.ts";
import type { Launched } from "./launcher.ts";
import { TrafficMeter } from "./lease.ts";
import { InstanceProcess, type ProcessWorld } from "./process.ts";
import { InstanceRecord } from "./record.ts";
import type { StartQueue, Startable } from "./start-queue.ts";
import { Waiters } from "./waiters.ts";

/** What an instance acts on. */
export interface World extends ProcessWorld {
  readonly clock: Clock;
  readonly random: () => number;
  readonly queue: StartQueue;
  readonly table: InstanceTable;
  readonly domains: DomainTable;
  readonly statistics: Statistics;
}

type StatePredicate = (state: InstanceState) => boolean;

export class InstanceActor implements Startable {
  readonly ref: InstanceRef;
  readonly service: Service;
  readonly journal: InstanceJournal;
  readonly #record: InstanceRecord;
  readonly #process: InstanceProcess;
  readonly #world: World;
  readonly #meter: TrafficMeter;
  readonly #waiters = new Waiters();
  readonly #watchers = new Set<{ readonly until: StatePredicate; readonly resolve: () => void }>();
  readonly #events: Event[] = [];
  #instance: Instance;
  /** Who sent the request that wakes it. */
  #requester: string | null = null;
  #timer: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(row: InstanceRow, service: Service, world: World) {
    const { ref, wanted } = row;
    this.ref = ref;
    this.service = service;
    this.weight = row.weight;
    this.env = row.env;
    this.journal = new InstanceJournal(world);
    this.#record = new InstanceRecord(ref, { table: world.table, report: world.report, wanted });
    this.#world = world;
    this.#meter = new TrafficMeter(world.clock, () => this.#trafficChanged());
    this.#instance = newInstance(ref, restoreState(row));
    this.#process = new InstanceProcess({
      ...world,
      ref,
      service,
      journal: this.journal,
      record: this.#record,
      send: (event) => this.send(event),
      restsNext: () => restsNext(this.#instance.state),
    });
  }

  /** 0 to 100; 0 takes no service-level traffic. */
  weight: number;
  /** What `ten env set` stored, for the next start. */
  env: Readonly<Record<string, string>>;

  get instance(): Instance {
    return this.#instance;
  }

  get facts(): Facts {
    const { clock, random } = this.#world;
    return {
      now: clock.now(),
      random: random(),
      service: this.service,
      traffic: this.#meter.traffic,
    };
  }

  /** The process it has, if any. */
  get launched(): Launched | null {
    return this.#process.launched;
  }

  get traffic(): Traffic {
    return this.#meter.traffic;
  }

  /** A lease at once, if it runs. */
  lease(): Lease | null {
    const { state } = this.#instance;
    return state.kind === "running" ? this.#leaseOf(state.endpoint) : null;
  }

  /** A lease as soon as it can take a request; starts it if the cause may. */
  async wake(cause: Cause, patience?: Patience): Promise<Lease> {
    const lease = this.lease();
    if (lease !== null) return lease;
    const joined = this.#waiters.join(patience?.signal ?? null);
    this.#requester = patience?.by ?? null;
    this.send({ kind: "wake", cause });
    return joined;
  }

  /** Resolves when its state satisfies the predicate, at once if it does. */
  until(predicate: StatePredicate): Promise<void> {
    if (predicate(this.#instance.state)) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#watchers.add({ until: predicate, resolve });
    return promise;
  }

  /** Goes on with a process that an earlier server started. */
  adopt(launched: Launched, endpoint: Endpoint | null): void {
    const { now } = this.facts;
    const child = launched.child.ref;
    const state: InstanceState =
      endpoint === null
        ? {
            kind: "starting",
            child,
            since: now,
            probeAt: now,
            deadline: now + this.service.startupTimeoutMs,
            finding: null,
          }
        : { kind: "running", child, endpoint, since: now, missed: null, probeAt: now };
    this.#process.follow(launched, this.#instance.launch);
    this.#enter({ ...this.#instance, state });
    this.#rearm();
  }

  /** The server stops: the process ends, what is wanted stays as it is. */
  retire(): Promise<void> {
    this.#record.freeze();
    // Not asleep: a request that still comes must not wake it.
    this.send({ kind: "rest", to: "stopped" });
    return this.until(isAtRest);
  }

  takeTurn(): void {
    this.send({ kind: "turn" });
  }

  giveWay(): void {
    this.send({ kind: "rest", to: "asleep" });
  }

  idleSince(): number | null {
    const { traffic, service } = this.facts;
    const sleeps = this.#instance.state.kind === "running" && service.idleTimeoutMs > 0;
    return sleeps && traffic.open === 0 ? traffic.lastActiveAt : null;
  }

  /** When it goes to sleep if nobody calls; null: not while things stay as they are. */
  sleepsAt(): number | null {
    const { state } = this.#instance;
    const at = state.kind === "running" ? idleAt(state, this.facts) : Number.POSITIVE_INFINITY;
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** The only way in. Never awaits, so events cannot interleave and no lock is needed. */
  send(event: Event): void {
    this.#events.push(event);
    // Performing an effect may send another event: the outermost call goes on with it.
    if (this.#events.length > 1) return;
    for (let next = event; next !== undefined; next = this.#events[0] as Event) {
      this.#advance(next);
      this.#events.shift();
    }
    this.#rearm();
  }

  #advance(event: Event): void {
    const { instance, effects } = step(this.#instance, event, this.facts);
    this.#enter(instance);
    for (const effect of effects) this.#perform(effect);
  }

  #enter(instance: Instance): void {
    const before = this.#instance.state;
    this.#instance = instance;
    const { state } = instance;
    if (state === before) return;
    this.journal.follow(state, this.#requester);
    this.#record.follow(state);
    this.#world.queue.follow(this, state);
    for (const watcher of this.#watchers) {
      if (!watcher.until(state)) continue;
      this.#watchers.delete(watcher);
      watcher.resolve();
    }
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "launch":
        this.#process.launch(effect.launch, this.env);
        break;
      case "probe":
        this.#process.probe(effect.launch, effect.endpoint);
        break;
      case "signal":
        this.#process.signal(effect.signal);
        break;
      case "admit":
        this.#admit(effect.endpoint);
        break;
      case "refuse":
        this.#waiters.refuse(refusalError(this.ref, effect));
        break;
      default:
        unreachable(effect);
    }
  }

  #admit(endpoint: Endpoint): void {
    this.#waiters.admit(() => this.#leaseOf(endpoint));
    // After the requests have been let through: they have waited long enough.
    this.#process.remember(endpoint);
  }

  #leaseOf(endpoint: Endpoint): Lease {
    return this.#meter.lease({ ref: this.ref, endpoint, launch: this.#instance.launch });
  }

  #trafficChanged(): void {
    const { kind } = this.#instance.state;
    if (kind === "draining") this.send({ kind: "tick" });
    else if (kind === "running" && this.#meter.open === 0) {
      this.#rearm();
      this.#world.queue.advance();
    }
  }

  /** One timer an instance. One that fires too early does no harm, so a busy instance sets none anew. */
  #rearm(): void {
    const at = nextDeadline(this.#instance, this.facts);
    if (at === Number.POSITIVE_INFINITY || (this.#timer !== null && this.#timer.at <= at)) return;
    this.#timer?.cancel();
    const { clock } = this.#world;
    const cancel = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timer = null;
      this.send({ kind: "tick" });
    });
    this.#timer = { at, cancel };
  }
}

/** Whether an ending process leaves nothing to follow it. */
function restsNext(state: InstanceState): boolean {
  if (state.kind !== "stopping") return false;
  return state.after.kind !== "start" && state.after.kind !== "crashed";
}

const AT_REST: ReadonlySet<InstanceState["kind"]> = new Set(["asleep", "stopped", "failed"]);

/** No process, and none to come by itself. */
export function isAtRest({ kind }: InstanceState): boolean {
  return AT_REST.has(kind);
}

function refusalError(ref: InstanceRef, { code, reason, retryAfterMs }: Refusal): TenError {
  const verb = code === "START_FAILED" ? "start" : "use";
  // A launch that failed says so itself.
  const isWhole = reason.startsWith("Cannot ");
  const message = isWhole ? reason : `Cannot ${verb} "${formatRef(ref)}": ${reason}`;
  return new TenError(code, message, retryAfterMs === null ? {} : { retryAfterMs });
}
