// One instance in motion: events in, effects out. Nothing else changes its state.
import { unreachable } from "../../core/assert.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { ADOPTED, adopt, restoreMemory } from "../../core/life/adoption.ts";
import { idleAt } from "../../core/life/deadlines.ts";
import {
  type Cause,
  type Effect,
  type Event,
  type Facts,
  type Instance,
  isAtRest,
  newInstance,
  type RestGoal,
  type Step,
  type Traffic,
} from "../../core/life/instance.ts";
import { nextDeadline, step } from "../../core/life/lifecycle.ts";
import { restoreState } from "../../core/life/report.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";
import type { InstanceRow } from "../../database/instances.ts";
import type { Lease, Patience } from "../gateway.ts";
import type { Launched } from "../launch/launches.ts";
import type { Startable } from "../launch/start-queue.ts";
import { Alarm } from "./alarm.ts";
import type { InstanceHandover } from "./instance-handover.ts";
import { InstanceProcesses } from "./instance-processes.ts";
import type { Adoption, InstanceWorld } from "./instance-world.ts";
import { TrafficMeter } from "./leases.ts";
import { InstanceRecord } from "./record.ts";
import { StoryRecorder } from "./story.ts";
import { handOverError, refusalError, replaceError, Waiters } from "./waiters.ts";
import { type InstancePredicate, Watchers } from "./watchers.ts";

export class InstanceActor implements Startable {
  readonly ref: InstanceRef;
  readonly story: StoryRecorder;
  readonly #record: InstanceRecord;
  readonly #processes: InstanceProcesses;
  readonly #world: InstanceWorld;
  readonly #meter: TrafficMeter;
  readonly #waiters = new Waiters();
  readonly #watchers = new Watchers();
  readonly #events: Event[] = [];
  #instance: Instance;
  /** Who sent the request that wakes it. */
  #requester: string | null = null;
  readonly #alarm: Alarm;
  /** Hears of the traffic that is left, once another server goes on with the instance. */
  #onTraffic: (() => void) | null = null;

  constructor(row: InstanceRow, service: Service, world: InstanceWorld) {
    const { ref } = row;
    this.ref = ref;
    this.service = service;
    this.weight = row.weight;
    this.env = row.env;
    this.story = new StoryRecorder(world);
    this.#record = new InstanceRecord(ref, { table: world.table, report: world.report, row });
    this.#world = world;
    this.#alarm = new Alarm(world.clock, () => this.send({ kind: "tick" }));
    this.#meter = new TrafficMeter(world.clock, () => this.#trafficChanged());
    this.#instance = newInstance(ref, restoreState(row));
    this.#processes = new InstanceProcesses({
      ...world,
      ref,
      service: () => this.service,
      story: this.story,
      record: this.#record,
      send: (event) => this.send(event),
      instance: () => this.#instance,
    });
  }

  /** As it is configured now: see `reconfigure`. */
  service: Service;
  /** 0 to 100; 0 takes no service-level traffic. */
  weight: number;
  /** While it is being deployed it takes none, whatever its weight. */
  isHeld = false;
  /** What `ten env set` stored, for the next start. */
  env: Readonly<Record<string, string>>;

  get instance(): Instance {
    return this.#instance;
  }

  get facts(): Facts {
    const { clock, random } = this.#world;
    return { now: clock.now(), random: random(), service: this.service, traffic: this.traffic };
  }

  /** The process that serves or is to, if any. */
  get launched(): Launched | null {
    return this.#processes.of(this.#instance.launch);
  }

  /** All its processes: two, while one takes over from the other. */
  get processes(): readonly Launched[] {
    return this.#processes.all;
  }

  get traffic(): Traffic {
    const { open, lastActiveAt } = this.#meter;
    const { launch, second } = this.#instance;
    const secondBusy = second === null ? 0 : this.#meter.busy(second.launch);
    return { open, busy: this.#meter.busy(launch), secondBusy, lastActiveAt };
  }

  /** Whether its process has another shape than its service asks for by now. */
  get isOutdated(): boolean {
    return this.#processes.isOutdated(this.#instance.launch);
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

  /** A new process in the place of the running one. Resolves when it serves and nothing of the former is left. */
  async replace(): Promise<void> {
    const served = this.#watchers.succession();
    this.send({ kind: "replace" });
    await served;
    await this.until(({ second }) => second === null);
  }

  /** Resolves when nothing of it is left, or when another order has sent it elsewhere meanwhile. */
  async rest(to: RestGoal): Promise<void> {
    this.send({ kind: "rest", to });
    await this.until(({ state }) => isAtRest(state) || state.kind === "running");
  }

  /** Resolves when it satisfies the predicate, at once if it does. */
  async until(predicate: InstancePredicate): Promise<void> {
    if (!predicate(this.#instance)) await this.#watchers.until(predicate);
  }

  adopt({ row, child, second }: Adoption): void {
    const { endpoint = null, shape = null } = row.child ?? {};
    if (child !== null) this.#processes.follow(child, { launch: ADOPTED.child, endpoint, shape });
    const process = { launch: ADOPTED.second, endpoint: null, shape: row.second?.shape ?? null };
    if (second !== null) this.#processes.follow(second, process);
    const found = {
      ...row,
      child: child && { ref: child.child.ref, endpoint },
      second: second?.child.ref ?? null,
    };
    this.#obey(adopt(this.#instance, found, this.facts));
    this.#rearm();
  }

  /** Goes on where the earlier server left off. */
  resumeFrom(handover: InstanceHandover): void {
    this.story.resumeFrom(handover);
    this.#enter(restoreMemory(this.#instance, handover, this.facts.now));
    this.#rearm();
  }

  /** Another server goes on with it: from now on this one does nothing but count the leases that are left. */
  abandon(onTraffic: () => void): void {
    this.#onTraffic = onTraffic;
    this.#alarm.cancel();
    this.#processes.abandon();
    this.#waiters.close(handOverError(this.ref));
  }

  /** The server stops: the process ends, what is wanted stays as it is. */
  retire(): Promise<void> {
    this.#record.freeze();
    // Not asleep: a request that still comes must not wake it.
    this.send({ kind: "rest", to: "stopped" });
    return this.until(({ state }) => isAtRest(state));
  }

  /** Its service is configured otherwise; what shapes a process waits for the next launch. */
  reconfigure(service: Service): void {
    this.service = service;
    this.send({ kind: "reconfigured" });
  }

  takeTurn(): void {
    this.send({ kind: "turn" });
  }

  giveWay(): void {
    this.send({ kind: "rest", to: "asleep" });
  }

  idleSince(): number | null {
    const { traffic, service } = this.facts;
    const { state, second } = this.#instance;
    const sleeps = state.kind === "running" && second === null && service.idleTimeoutMs > 0;
    return sleeps && traffic.open === 0 ? traffic.lastActiveAt : null;
  }

  /** When it goes to sleep if nobody calls; null: not while things stay as they are. */
  sleepsAt(): number | null {
    const at = idleAt(this.#instance, this.facts);
    return at === Number.POSITIVE_INFINITY ? null : at;
  }

  /** The only way in. Never awaits, so events cannot interleave and no lock is needed. */
  send(event: Event): void {
    if (this.#onTraffic !== null) return;
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
    this.#obey(step(this.#instance, event, this.facts));
  }

  #obey({ instance, effects }: Step): void {
    this.#enter(instance);
    for (const effect of effects) this.#perform(effect);
  }

  #enter(instance: Instance): void {
    if (instance === this.#instance) return;
    this.#instance = instance;
    this.story.follow(instance.state, this.#requester);
    this.#record.follow(instance.state);
    this.#world.queue.follow(this, instance);
    if (isAtRest(instance.state)) this.#world.launches.rest(this.ref);
    this.#world.storage.follow(this, instance.state);
    this.#watchers.follow(instance);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "launch":
        this.#processes.launch(effect.launch, this.env);
        break;
      case "probe":
        this.#processes.probe(effect.launch, effect.endpoint);
        break;
      case "signal":
        this.#processes.signal(effect.launch, effect.signal);
        break;
      case "admit":
        this.#admit(effect.endpoint);
        break;
      case "replaced":
        this.#watchers.replaced();
        break;
      case "unreplaced":
        this.#watchers.unreplaced(replaceError(this.ref, effect.failure));
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
    this.#processes.serves(this.#instance.launch, endpoint);
  }

  #leaseOf(endpoint: Endpoint): Lease {
    return this.#meter.lease({ ref: this.ref, endpoint, launch: this.#instance.launch });
  }

  #trafficChanged(): void {
    const { state, second } = this.#instance;
    if (this.#onTraffic !== null) this.#onTraffic();
    else if (state.kind === "draining" || second?.kind === "draining") this.send({ kind: "tick" });
    else if (state.kind === "running" && this.#meter.open === 0) {
      this.#rearm();
      this.#world.queue.advance();
    }
  }

  #rearm(): void {
    this.#alarm.wakeBy(nextDeadline(this.#instance, this.facts));
  }
}
