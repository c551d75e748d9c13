// The queue of starts: bounds concurrent starts and all processes, fair by service; requests go before other starts.
import { type Cause, hasProcess, type Instance, isEnding } from "../../core/life/instance.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Clock } from "../../platform/clock.ts";
import { FairLine } from "./fair-line.ts";

/**
 * A start keeps its slot from the launch until so long after the spawn: then it has done most of its work, and a slow
 * one waits for something else. It must not keep others waiting for its whole `startup_timeout`.
 */
const SLOT_MS = 1000;

/** An instance as the queue sees it. */
export interface Startable {
  readonly ref: InstanceRef;
  /** Starts it. */
  takeTurn(): void;
  /** Puts it to sleep, to make room for another. */
  giveWay(): void;
  /** When its last lease ended, if it runs, may sleep and has no open lease; else null. */
  idleSince(): number | null;
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
  | { readonly kind: "launching" }
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
  readonly #ending = new Set<Startable>();
  /** Instances with a process. */
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
    const urgent = kind === "queued" && URGENT.has(state.cause);
    place(this.#urgent, instance, urgent);
    place(this.#patient, instance, kind === "queued" && !urgent);
    if (kind === "starting") this.#hold(instance, { launch, isSpawned: state.child !== null });
    else if (second?.kind !== "starting") this.#giveUp(instance);
    else this.#hold(instance, { launch: second.launch, isSpawned: second.child !== null });
    place(this.#ending, instance, isEnding(state));
    place(this.#alive, instance, hasProcess(state));
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
      // Its new state arrives through `follow`; leaving the line here keeps this loop finite.
      line.take((service) => this.#slotsOf(service))?.takeTurn();
    }
  }

  /** The instances that have a slot. */
  #held(): readonly Startable[] {
    return [...this.#slots].flatMap(([instance, { kind }]) => (kind === "over" ? [] : [instance]));
  }

  #slotsOf(service: string): number {
    return this.#held().filter(({ ref }) => ref.service === service).length;
  }

  #hold(instance: Startable, { launch, isSpawned }: { launch: number; isSpawned: boolean }): void {
    const slot = this.#slots.get(instance);
    const isKnown = slot?.launch === launch && slot.kind !== "launching";
    if (isKnown) return;
    this.#giveUp(instance);
    if (!isSpawned) {
      this.#slots.set(instance, { kind: "launching", launch });
      return;
    }
    const cancel = this.#clock.after(SLOT_MS, () => {
      this.#slots.set(instance, { kind: "over", launch });
      this.advance();
    });
    this.#slots.set(instance, { kind: "spawned", launch, cancel });
  }

  #giveUp(instance: Startable): void {
    const slot = this.#slots.get(instance);
    if (slot?.kind === "spawned") slot.cancel();
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
    const idle = [...this.#alive].flatMap((instance) => {
      const since = instance.idleSince();
      return since === null ? [] : [{ instance, since }];
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
