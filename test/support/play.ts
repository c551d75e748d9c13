// Plays events against one instance on its own clock.
import { expect } from "bun:test";
import {
  type Event,
  type Facts,
  type Instance,
  type InstanceState,
  newInstance,
  type Step,
} from "../../src/core/life/instance.ts";
import { nextDeadline, step } from "../../src/core/life/lifecycle.ts";
import type { Service } from "../../src/core/service.ts";
import { serviceWith } from "./service.ts";

const REF = { service: "notes", id: "alice" };
export const CHILD = { pid: 7, startTime: 70 };
export const ENDPOINT = { kind: "tcp", host: "127.0.0.1", port: 30_000 } as const;
export const REPLACEMENT = { pid: 8, startTime: 80 };
export const NEXT_ENDPOINT = { kind: "tcp", host: "127.0.0.1", port: 30_001 } as const;
export const EXIT_1 = { kind: "code", code: 1 } as const;

export class Play {
  instance: Instance;
  now = 1000;
  traffic = { open: 0, busy: 0, secondBusy: 0, lastActiveAt: 0 };
  last: Step["effects"] = [];
  readonly service: Service;

  constructor(service: Partial<Service> = {}, state?: InstanceState) {
    this.service = serviceWith({ health: "/health", ...service });
    this.instance = newInstance(REF, state);
  }

  get facts(): Facts {
    return { now: this.now, random: 0, service: this.service, traffic: this.traffic };
  }

  get kind(): InstanceState["kind"] {
    return this.instance.state.kind;
  }

  send(...events: readonly Event[]): this {
    for (const event of events) {
      const next = step(this.instance, event, this.facts);
      this.instance = next.instance;
      this.last = next.effects;
    }
    return this;
  }

  /** Moves the clock to the next deadline. */
  tick(): this {
    const deadline = nextDeadline(this.instance, this.facts);
    expect(Number.isFinite(deadline)).toBe(true);
    this.now = Math.max(this.now, deadline);
    return this.send({ kind: "tick" });
  }

  start(): this {
    this.send({ kind: "wake", cause: "request" }, { kind: "turn" });
    return this.send({ kind: "launched", launch: this.instance.launch, child: CHILD });
  }

  run(): this {
    return this.start().answer(true);
  }

  answer(ready: boolean): this {
    const answer = ready
      ? ({ kind: "ready", endpoint: ENDPOINT } as const)
      : ({ kind: "unready", reason: "status 500" } as const);
    return this.send({ kind: "probed", launch: this.instance.launch, answer });
  }

  exit(exit: Extract<Event, { kind: "exited" }>["exit"]): this {
    const { launch } = this.instance;
    return this.send({ kind: "exited", launch, exit });
  }

  gone(): this {
    return this.send({ kind: "gone", launch: this.instance.launch });
  }

  /** A replacement starts beside the running process. */
  replace(): this {
    this.send({ kind: "replace" });
    return this.send({ kind: "launched", launch: this.instance.launches, child: REPLACEMENT });
  }

  /** Answers the probe of the latest launch. */
  answerReplacement(ready: boolean): this {
    const answer = ready
      ? ({ kind: "ready", endpoint: NEXT_ENDPOINT } as const)
      : ({ kind: "unready", reason: "status 500" } as const);
    return this.send({ kind: "probed", launch: this.instance.launches, answer });
  }

  effects(): string[] {
    return this.last.map((effect) => ("signal" in effect ? effect.signal : effect.kind));
  }
}
