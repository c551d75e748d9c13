// The queue of starts: bounds concurrent starts and all processes; requests go before the server's own starts.
import { type Cause, hasProcess, type Instance, isEnding } from "../../core/life/instance.ts";

/** What the queue needs of an instance. */
export interface Startable {
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

const URGENT: ReadonlySet<Cause> = new Set(["request", "operator"]);

export class StartQueue {
  #limits: StartLimits;
  readonly #urgent = new Set<Startable>();
  readonly #patient = new Set<Startable>();
  readonly #starting = new Set<Startable>();
  readonly #ending = new Set<Startable>();
  /** Instances with a process. */
  readonly #alive = new Set<Startable>();

  constructor(limits: StartLimits) {
    this.#limits = limits;
  }

  limit(limits: StartLimits): void {
    this.#limits = limits;
    this.advance();
  }

  /**
   * Has to be called at every change of state, so that no instance keeps a place that it no longer needs. A second
   * process counts as a start, but does not wait for a turn: rollouts bound their number.
   */
  follow(instance: Startable, { state, second }: Pick<Instance, "state" | "second">): void {
    const { kind } = state;
    const urgent = kind === "queued" && URGENT.has(state.cause);
    place(this.#urgent, instance, urgent);
    place(this.#patient, instance, kind === "queued" && !urgent);
    place(this.#starting, instance, kind === "starting" || second?.kind === "starting");
    place(this.#ending, instance, isEnding(state));
    place(this.#alive, instance, hasProcess(state));
    this.advance();
  }

  /** Lets the next ones start; called also when an instance has become idle. */
  advance(): void {
    for (;;) {
      const [next] = this.#urgent.size > 0 ? this.#urgent : this.#patient;
      if (next === undefined || this.#starting.size >= this.#limits.maxStarting) return;
      if (this.#isFull()) {
        this.#makeRoom();
        return;
      }
      // Its new state arrives through `follow`; leaving the queue here keeps this loop finite.
      this.#urgent.delete(next);
      this.#patient.delete(next);
      next.takeTurn();
    }
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

function place(set: Set<Startable>, instance: Startable, belongs: boolean): void {
  if (!belongs) set.delete(instance);
  else set.add(instance);
}
