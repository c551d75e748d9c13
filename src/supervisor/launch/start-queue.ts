// Who may start next: so many starts at once, so many processes in all, requests before the server's own starts.
import type { Cause, Instance, InstanceState } from "../../core/life/instance.ts";

/** What the queue needs of an instance. */
export interface Startable {
  /** It may start now. */
  takeTurn(): void;
  /** Goes to sleep to make room for another. */
  giveWay(): void;
  /** When it was last used, if it runs, may sleep and serves nobody; else null. */
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
  /** All that have a process. */
  readonly #alive = new Set<Startable>();

  constructor(limits: StartLimits) {
    this.#limits = limits;
  }

  limit(limits: StartLimits): void {
    this.#limits = limits;
    this.advance();
  }

  /**
   * Told of every change of state, so a place can't be kept by an instance that no longer starts. A replacement is
   * counted among the starts, but waits for no turn and takes no place of another instance: rollouts bound their
   * number.
   */
  follow(instance: Startable, { state, second }: Pick<Instance, "state" | "second">): void {
    const { kind } = state;
    const urgent = kind === "queued" && URGENT.has(state.cause);
    place(this.#urgent, instance, urgent);
    place(this.#patient, instance, kind === "queued" && !urgent);
    place(this.#starting, instance, kind === "starting" || second?.kind === "starting");
    place(this.#ending, instance, kind === "draining" || kind === "stopping");
    place(this.#alive, instance, HAS_PROCESS.has(kind));
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

const HAS_PROCESS: ReadonlySet<InstanceState["kind"]> = new Set([
  "starting",
  "running",
  "draining",
  "stopping",
]);

function place(set: Set<Startable>, instance: Startable, belongs: boolean): void {
  if (!belongs) set.delete(instance);
  else set.add(instance);
}
