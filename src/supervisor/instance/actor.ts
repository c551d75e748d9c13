// One instance in motion: events in, effects out. Nothing else changes its state.
import { unreachable } from "../../core/assert.ts";
import { ADOPTED, adopt, restoreMemory } from "../../core/life/adoption.ts";
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
import type { Launched } from "../launch/launched.ts";
import type { Startable } from "../launch/start-queue.ts";
import { Admission } from "./admission.ts";
import { Alarm } from "./alarm.ts";
import type { InstanceHandover, LeaseCounts } from "./instance-handover.ts";
import { InstanceProcesses } from "./instance-processes.ts";
import type { Adoption, InstanceWorld } from "./instance-world.ts";
import { InstanceRecord } from "./record.ts";
import { StoryRecorder } from "./story.ts";
import { replaceError } from "./waiters.ts";
import { type InstancePredicate, Watchers } from "./watchers.ts";

/** "abandoned": the next server has the instance; only the leases that are still open here are counted. */
type Ownership =
  { readonly kind: "own" } | { readonly kind: "abandoned"; readonly onTraffic: () => void };

export class InstanceActor implements Startable {
  readonly ref: InstanceRef;
  readonly story: StoryRecorder;
  readonly admission: Admission;
  readonly record: InstanceRecord;
  readonly #processes: InstanceProcesses;
  readonly #world: InstanceWorld;
  readonly #watchers = new Watchers();
  readonly #events: Event[] = [];
  readonly #alarm: Alarm;
  #instance: Instance;
  #ownership: Ownership = { kind: "own" };

  constructor(row: InstanceRow, service: Service, world: InstanceWorld) {
    const { ref } = row;
    this.ref = ref;
    this.service = service;
    this.weight = row.weight;
    this.env = row.env;
    this.story = new StoryRecorder(world);
    this.record = new InstanceRecord(ref, { table: world.table, report: world.report, row });
    this.#world = world;
    this.#alarm = new Alarm(world.clock, () => this.send({ kind: "tick" }));
    this.#instance = newInstance(ref, restoreState(row));
    const known = { ref, service: () => this.service, instance: () => this.#instance };
    this.admission = new Admission({
      ...known,
      clock: world.clock,
      wake: (cause) => this.send({ kind: "wake", cause }),
      onTraffic: () => this.#onTraffic(),
    });
    this.#processes = new InstanceProcesses({
      ...world,
      ...known,
      story: this.story,
      record: this.record,
      send: (event) => this.send(event),
    });
  }

  /** As it is configured now; see `reconfigure`. */
  service: Service;
  /** 0 to 100; 0 takes no service-level traffic. */
  weight: number;
  /** The environment of `ten env set`, for the next start. */
  env: Readonly<Record<string, string>>;

  get instance(): Instance {
    return this.#instance;
  }

  get facts(): Facts {
    const { clock, random } = this.#world;
    return { now: clock.now(), random: random(), service: this.service, traffic: this.traffic };
  }

  /** The process that the state is about, if any. */
  get launched(): Launched | null {
    return this.#processes.of(this.#instance.launch);
  }

  /** Two during a replacement. */
  get processes(): readonly Launched[] {
    return this.#processes.all;
  }

  get traffic(): Traffic {
    return this.admission.traffic;
  }

  get leaseCounts(): LeaseCounts {
    return this.admission.leaseCounts;
  }

  /** Whether its process has another shape than its service now asks for. */
  get isOutdated(): boolean {
    return this.#processes.isOutdated(this.#instance.launch);
  }

  /** Whether the main process of a launch runs. Its exit has been acted upon when this resolves with false. */
  isRunning(launch: number): Promise<boolean> {
    return this.#processes.isRunning(launch);
  }

  get isFull(): boolean {
    return this.admission.isFull;
  }

  /** A lease at once, if it runs. */
  lease(): Lease | null {
    return this.admission.lease();
  }

  /** A lease that is open at another server, whatever its room; null: it does not run. */
  hold(kind: "request" | "tunnel"): Lease | null {
    return this.admission.hold(kind);
  }

  /** A lease as soon as it can take a request; starts it if the cause may. */
  wake(cause: Cause, patience?: Patience): Promise<Lease> {
    return this.admission.wake(cause, patience);
  }

  readonly ask: InstanceProcesses["askServing"] = (check) => this.#processes.askServing(check);

  /** Replaces the running process. Resolves when the new one serves and the former one has ended. */
  async replace(): Promise<void> {
    const replaced = this.#watchers.replacement();
    this.send({ kind: "replace" });
    await replaced;
    await this.until(({ second }) => second === null);
  }

  /** Resolves when its processes have ended, or when a later order made it run again. */
  async rest(to: RestGoal): Promise<void> {
    this.send({ kind: "rest", to });
    await this.until(({ state }) => isAtRest(state) || state.kind === "running");
  }

  /** Resolves when it satisfies the predicate, at once if it already does. */
  async until(predicate: InstancePredicate): Promise<void> {
    if (!predicate(this.#instance)) await this.#watchers.until(predicate);
  }

  adopt({ row, child, second }: Adoption): void {
    const { endpoint = null, shape = null } = row.child ?? {};
    if (child !== null) this.#processes.follow(child, { launch: ADOPTED.child, endpoint, shape });
    const process = { launch: ADOPTED.second, endpoint: null, shape: row.second?.shape ?? null };
    if (second !== null) this.#processes.follow(second, process);
    const adopted = child && { ref: child.child.ref, endpoint };
    const found = { ...row, child: adopted, second: second?.child.ref ?? null };
    this.#obey(adopt(this.#instance, found, this.facts));
    this.#rearm();
  }

  /** Continues from the state of the previous server. */
  resumeFrom(handover: InstanceHandover): void {
    this.story.resumeFrom(handover);
    this.#enter(restoreMemory(this.#instance, handover, this.facts.now));
    this.#rearm();
  }

  /**
   * Leaves the instance to the next server, and only counts the leases that are still open here.
   * @param onTraffic is called whenever one of these has ended or become a tunnel
   */
  abandon(onTraffic: () => void): void {
    this.#ownership = { kind: "abandoned", onTraffic };
    this.#alarm.cancel();
    this.record.freeze();
    this.#processes.abandon();
    this.admission.close();
  }

  /** The server stops: ends the process, and leaves the row as it is. */
  shutDown(): Promise<void> {
    this.record.freeze();
    // Not asleep: a late request must not wake it.
    this.send({ kind: "rest", to: "stopped" });
    return this.until(({ state }) => isAtRest(state));
  }

  /** Keys that shape a process take effect at the next launch. */
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

  /** The only entry for events. Never awaits, so events cannot interleave and no lock is needed. */
  send(event: Event): void {
    if (this.#ownership.kind === "abandoned") return;
    this.#events.push(event);
    // An effect may send another event; the outermost call handles it.
    if (this.#events.length === 1) this.#handle(event);
  }

  /** Handles an event and those that follow it, also where one of them throws. */
  #handle(event: Event): void {
    try {
      this.#obey(step(this.#instance, event, this.facts));
    } finally {
      this.#events.shift();
      const [next] = this.#events;
      if (next === undefined) this.#rearm();
      else this.#handle(next);
    }
  }

  #obey({ instance, effects }: Step): void {
    this.#enter(instance);
    for (const effect of effects) this.#perform(effect);
  }

  #enter(instance: Instance): void {
    if (instance === this.#instance) return;
    const { state: former } = this.#instance;
    this.#instance = instance;
    this.admission.follow(former);
    this.story.follow(instance, this.admission.requester);
    this.record.follow(instance.state);
    this.#world.queue.follow(this, instance);
    if (isAtRest(instance.state)) this.#world.home.close(this.ref);
    this.#world.storage.follow(this, instance.state);
    this.#watchers.follow(instance);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "launch":
        this.#processes.launch(effect.launch, this.env);
        break;
      case "cancel":
        this.#processes.cancel(effect.launch);
        break;
      case "probe":
        this.#processes.probe(effect.launch, effect.endpoint);
        break;
      case "signal":
        this.#processes.signal(effect.launch, effect.signal);
        break;
      case "admit":
        this.admission.admit(effect.endpoint);
        // After the requests, which have waited long enough.
        this.#processes.serves(this.#instance.launch, effect.endpoint);
        break;
      case "replaced":
        this.#watchers.replaced();
        break;
      case "unreplaced":
        this.#watchers.unreplaced(replaceError(this.ref, effect.failure));
        break;
      case "refuse":
        this.admission.refuse(effect);
        break;
      default:
        unreachable(effect);
    }
  }

  /** A lease has ended, or become a tunnel. */
  #onTraffic(): void {
    const { state, second } = this.#instance;
    if (this.#ownership.kind === "abandoned") this.#ownership.onTraffic();
    else if (state.kind === "draining" || second?.kind === "draining") this.send({ kind: "tick" });
    else if (state.kind === "running" && this.traffic.open === 0) {
      this.#rearm();
      this.#world.queue.advance();
    }
  }

  #rearm(): void {
    this.#alarm.wakeBy(nextDeadline(this.#instance, this.facts));
  }
}
