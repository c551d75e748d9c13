// The queue of starts: bounds concurrent starts and all processes, fair by service; requests go before other starts.
import { idleSince } from "../../core/life/deadlines.ts";
import {
  type Cause,
  type Facts,
  hasProcess,
  type Instance,
  isEnding,
} from "../../core/life/instance.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";
import { FairLine } from "./fair-line.ts";

/**
 * A start keeps its slot from the launch until so long after the spawn: then it has done most of its work, and a slow
 * one waits for something else. It must not keep others waiting for its whole `startup_timeout`.
 */
const SLOT_MS = 1000;

/** A launch that takes longer waits for a disk, and must not keep all others waiting with it. */
const LAUNCHING_SLOT_MS = 30_000;

/** An instance as the queue sees it. */
export interface Startable {
  readonly ref: InstanceRef;
  /** Starts it. */
  takeTurn(): void;
  /** Puts it to sleep, to make room for another. */
  giveWay(): void;
  readonly instance: Instance;
  readonly facts: Facts;
}

export interface StartLimits {
  readonly maxStarting: number;
  /** 0: no cap. */
  readonly maxRunning: number;
}

type Progress = Pick<Instance, "state" | "second" | "launch">;

const URGENT: ReadonlySet<Cause> = new Set(["request", "operator"]);

/** Of one launch. */
type Slot = { readonly launch: number } & (
  | { readonly kind: "launching"; readonly cancel: () => void }
  | { readonly kind: "spawned"; readonly cancel: () => void }
  /** The start goes on without a slot. */
  | { readonly kind: "over" }
);

export class StartQueue {
  #limits: StartLimits;
  readonly #clock: Clock;
  readonly #urgent = new FairLine<Startable>();
  readonly #patient = new FairLine<Startable>();
  readonly #slots = new Map<Startable, Slot>();
  /** Have their turn, and act upon it once they have handled their present event. */
  readonly #granted = new Set<Startable>();
  readonly #ending = new Set<Startable>();
  /** Instances with a process, or their turn. */
  readonly #alive = new Set<Startable>();

  constructor(limits: StartLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  limit(limits: StartLimits): void {
    this.#limits = limits;
    this.advance();
  }

  /**
   * Has to be called at every change of state, so that no instance keeps a place that it no longer needs. A second
   * process counts as a start, but does not wait for a turn: rollouts bound their number.
   */
  follow(instance: Startable, { state, second, launch }: Progress): void {
    const { kind } = state;
    const isGranted = kind === "queued" && this.#granted.has(instance);
    const waits = kind === "queued" && !isGranted;
    const isUrgent = waits && URGENT.has(state.cause);
    place(this.#granted, instance, isGranted);
    place(this.#urgent, instance, isUrgent);
    place(this.#patient, instance, waits && !isUrgent);
    if (kind === "starting") this.#hold(instance, { launch, isSpawned: state.child !== null });
    else if (second?.kind !== "starting") this.#giveUp(instance);
    else this.#hold(instance, { launch: second.launch, isSpawned: second.child !== null });
    place(this.#ending, instance, isEnding(state));
    place(this.#alive, instance, hasProcess(state) || isGranted);
    this.advance();
  }

  /** Lets the next ones start; called also when an instance has become idle. */
  advance(): void {
    for (;;) {
      const line = this.#urgent.size > 0 ? this.#urgent : this.#patient;
      if (line.size === 0 || this.#held().length >= this.#limits.maxStarting) return;
      if (this.#isFull()) {
        this.#makeRoom();
        return;
      }
      const next = line.take((service) => this.#slotsOf(service));
      if (next === undefined) return;
      this.#granted.add(next);
      this.#alive.add(next);
      // Its new state arrives through `follow`, now or once it has handled its present event.
      next.takeTurn();
    }
  }

  /** The instances that have a slot, or are about to have one. */
  #held(): readonly Startable[] {
    const starting = [...this.#slots].filter(([, { kind }]) => kind !== "over");
    return [...this.#granted, ...starting.map(([instance]) => instance)];
  }

  #slotsOf(service: string): number {
    return this.#held().filter(({ ref }) => ref.service === service).length;
  }

  #hold(instance: Startable, { launch, isSpawned }: { launch: number; isSpawned: boolean }): void {
    const slot = this.#slots.get(instance);
    const isKnown = slot?.launch === launch && (slot.kind !== "launching" || !isSpawned);
    if (isKnown) return;
    this.#giveUp(instance);
    const cancel = this.#clock.after(isSpawned ? SLOT_MS : LAUNCHING_SLOT_MS, () => {
      this.#slots.set(instance, { kind: "over", launch });
      this.advance();
    });
    this.#slots.set(instance, { kind: isSpawned ? "spawned" : "launching", launch, cancel });
  }

  #giveUp(instance: Startable): void {
    const slot = this.#slots.get(instance);
    if (slot !== undefined && slot.kind !== "over") slot.cancel();
    this.#slots.delete(instance);
  }

  #isFull(): boolean {
    const { maxRunning } = this.#limits;
    return maxRunning > 0 && this.#alive.size >= maxRunning;
  }

  /** Puts the least recently used idle instances to sleep, one for each that waits. */
  #makeRoom(): void {
    const wanted = this.#urgent.size + this.#patient.size - this.#ending.size;
    if (wanted <= 0) return;
    const idle = [...this.#alive].flatMap((each) => {
      const since = idleSince(each.instance, each.facts);
      return since === null ? [] : [{ instance: each, since }];
    });
    idle.sort((a, b) => a.since - b.since);
    for (const { instance } of idle.slice(0, wanted)) instance.giveWay();
  }
}

interface Line {
  add(instance: Startable): unknown;
  delete(instance: Startable): unknown;
}

function place(set: Line, instance: Startable, belongs: boolean): void {
  if (!belongs) set.delete(instance);
  else set.add(instance);
}
