// The fuzzer of an instance's life: a world that obeys the effects unreliably, and checks the invariants of the states.
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Endpoint } from "../../src/core/endpoint.ts";
import { startFailure, unavailable } from "../../src/core/failure.ts";
import {
  type Effect,
  type Event,
  type Facts,
  type Instance,
  newInstance,
} from "../../src/core/life/instance.ts";
import { nextDeadline, step } from "../../src/core/life/lifecycle.ts";
import { RESTART_POLICIES, type Service } from "../../src/core/service.ts";
import type { Random } from "../support/random.ts";
import { serviceWith } from "../support/service.ts";
import type { Fuzzer } from "./fuzzer.ts";

export const EPISODE_EVENTS = 200;
const PORT = 30_000;

interface Process {
  readonly launch: number;
  kind: "pending" | "alive" | "exited";
  dying: boolean;
  probing: boolean;
  /** Requests that it answers. */
  busy: number;
  /** Connections that draining does not wait for. */
  tunnels: number;
}

/** A world that obeys the effects as unreliably as a real one, and checks what must always hold. */
class FuzzWorld {
  readonly random: Random;
  readonly service: Service;
  /** In a calm world little fails and little is ordered, so that more comes to its end. */
  readonly isCalm: boolean;
  instance: Instance = newInstance({ service: "notes", id: "alice" });
  now = 1;
  waiters = 0;
  readonly processes = new Map<number, Process>();
  lastActiveAt = 0;
  replacements = 0;
  readonly history: string[] = [];

  constructor(random: Random) {
    this.random = random;
    this.isCalm = random.below(2) === 0;
    this.service = serviceWith({
      idleTimeoutMs: random.pick([0, 1000, 60_000]),
      startupTimeoutMs: random.pick([500, 10_000]),
      stopTimeoutMs: random.pick([0, 500, 10_000]),
      restart: { ...serviceWith().restart, policy: random.pick(RESTART_POLICIES) },
    });
  }

  get facts(): Facts {
    const { now, service, lastActiveAt } = this;
    const { launch, second } = this.instance;
    const busy = this.processes.get(launch)?.busy ?? 0;
    const secondBusy = this.processes.get(second?.launch ?? -1)?.busy ?? 0;
    const open = [...this.processes.values()].reduce(
      (sum, each) => sum + each.busy + each.tunnels,
      0,
    );
    const traffic = { open, busy, secondBusy, lastActiveAt };
    return { now, random: this.random.next(), service, traffic };
  }

  send(event: Event): void {
    const before = this.instance;
    const { instance, effects } = step(before, event, this.facts);
    this.history.push(`${JSON.stringify(event)} ${describe(before)}→${describe(instance)}`);
    this.instance = instance;
    if (event.kind === "wake" && event.cause === "request") this.waiters++;
    for (const effect of effects) this.obey(effect);
    this.check();
  }

  obey(effect: Effect): void {
    switch (effect.kind) {
      case "launch":
        ok(!this.processes.has(effect.launch));
        this.processes.set(effect.launch, newProcess(effect.launch));
        break;
      case "cancel":
        equal(this.process(effect.launch).kind, "pending");
        this.processes.delete(effect.launch);
        break;
      case "probe": {
        const process = this.process(effect.launch);
        ok(!process.probing);
        process.probing = true;
        break;
      }
      case "signal":
        this.process(effect.launch).dying ||= effect.signal === "SIGKILL";
        break;
      case "admit":
        equal(this.instance.state.kind, "running");
        this.checkEndpoint();
        equal(portOf(effect.endpoint), PORT + this.instance.launch);
        this.process(this.instance.launch).busy += this.waiters;
        this.waiters = 0;
        break;
      case "replaced":
        this.replacements++;
        break;
      case "unreplaced":
        break;
      case "refuse":
        this.waiters = 0;
        break;
    }
  }

  process(launch: number): Process {
    const process = this.processes.get(launch);
    if (process === undefined) throw new Error(`There is no process of launch ${launch}`);
    return process;
  }

  check(): void {
    const { state, launch, second } = this.instance;
    const atRest = ["asleep", "stopped", "halted", "failed"].includes(state.kind);
    const withoutProcess = atRest || state.kind === "queued" || state.kind === "waiting";
    const known = [
      ...(withoutProcess ? [] : [launch]),
      ...(second === null ? [] : [second.launch]),
    ];
    deepEqual([...this.processes.keys()].sort(), known.sort());
    if (second !== null) ok(["running", "draining", "stopping"].includes(state.kind));
    if (second?.kind === "starting" || second?.kind === "standby") equal(state.kind, "running");
    this.checkEndpoint();
    const startFailed = "after" in state && state.after.kind === "crashed" && !state.after.ready;
    const answered = atRest || state.kind === "running" || startFailed;
    if (answered || (state.kind === "waiting" && !state.ready)) equal(this.waiters, 0);
    if ("child" in state && state.child !== null) this.checkChild(launch, state.child.pid);
    if (second !== null && second.child !== null) this.checkChild(second.launch, second.child.pid);
  }

  checkEndpoint(): void {
    const { state, launch } = this.instance;
    if (state.kind === "running") equal(portOf(state.endpoint), PORT + launch);
  }

  checkChild(launch: number, pid: number): void {
    equal(pid, launch);
    ok(this.process(launch).kind !== "pending");
  }

  /** Time passes, to the next deadline or short of it; a deadline that has come must lead on. */
  pass(): void {
    const deadline = nextDeadline(this.instance, this.facts);
    const reaches = Number.isFinite(deadline) && this.random.below(3) > 0;
    this.now = reaches ? Math.max(this.now, deadline) : this.now + this.random.below(200);
    const before = describe(this.instance);
    this.send({ kind: "tick" });
    if (!reaches) return;
    const moved = describe(this.instance) !== before;
    ok(moved || nextDeadline(this.instance, this.facts) > this.now);
  }

  /** Something of what is possible in the real world at this point. */
  act(): void {
    const { random } = this;
    const moves: (() => void)[] = [
      () => this.pass(),
      () => this.pass(),
      () => this.send({ kind: "wake", cause: random.pick(["request", "request", "operator"]) }),
      () => this.rest(),
      () => this.repeat(this.instance.launches - 2),
      () => this.send({ kind: "replace" }),
      () => this.arrive(),
      () => this.serve(),
    ];
    if (!this.isCalm && random.below(8) === 0)
      moves.push(() => this.send({ kind: "halt", failure: unavailable("full") }));
    if (random.below(8) === 0) moves.push(() => this.send({ kind: "wake", cause: "operator" }));
    if (random.below(8) === 0) moves.push(() => this.send({ kind: "reconfigured" }));
    for (let i = 0; i < 4; i++) moves.push(() => this.progress());
    random.pick(moves)();
  }

  rest(): void {
    if (this.isCalm && this.random.below(20) > 0) return;
    this.send({
      kind: "rest",
      to: this.random.pick(["asleep", "stopped", "disabled", "enabled", "restart"]),
    });
  }

  /** What is known of a launch that is over arrives once more. */
  repeat(launch: number): void {
    if (!this.processes.has(launch)) this.send({ kind: "gone", launch });
  }

  /** Requests go to the process that serves, if one does. */
  arrive(): void {
    if (this.instance.state.kind !== "running") return;
    this.process(this.instance.launch).busy += 1 + this.random.below(5);
  }

  /** Requests end, or turn into tunnels. */
  serve(): void {
    for (const process of this.processes.values()) {
      if (process.busy > 0) {
        process.busy--;
        process.tunnels += this.random.below(2);
      } else if (process.tunnels > 0) process.tunnels--;
    }
    this.lastActiveAt = this.now;
    this.send({ kind: "tick" });
  }

  /** The queue, the process and the probe do their part. */
  progress(mood: "fickle" | "kind" = "fickle"): void {
    const fails = mood === "fickle" && this.random.below(this.isCalm ? 30 : 3) === 0;
    const living = [...this.processes.values()];
    if (this.instance.state.kind === "queued") this.send({ kind: "turn" });
    else if (living.length > 0) this.proceed(this.random.pick(living), mood, fails);
  }

  proceed(process: Process, mood: "fickle" | "kind", fails: boolean): void {
    if (process.kind === "pending") this.launch(process, fails);
    else if (process.kind === "exited") this.bury(process);
    else this.live(process, mood, fails);
  }

  launch(process: Process, fails: boolean): void {
    const { launch } = process;
    if (fails) {
      this.processes.delete(launch);
      this.send({ kind: "launchFailed", launch, failure: startFailure("no") });
      return;
    }
    process.kind = "alive";
    this.send({ kind: "launched", launch, child: { pid: launch, startTime: 1 } });
  }

  live(process: Process, mood: "fickle" | "kind", fails: boolean): void {
    const { launch } = process;
    if (process.dying || (fails && this.random.below(3) === 0)) {
      process.kind = "exited";
      const code = this.random.below(2);
      this.send({ kind: "exited", launch, exit: { kind: "code", code } });
    } else if (process.probing) {
      process.probing = false;
      const endpoint = { kind: "tcp", host: "127.0.0.1", port: PORT + launch } as const;
      const bad = [{ kind: "unready", reason: "no" }, { kind: "unasked" }] as const;
      const answer = fails
        ? (bad[this.random.below(2)] ?? bad[0])
        : ({ kind: "ready", endpoint } as const);
      this.send({ kind: "probed", launch, answer });
    } else if (mood === "kind") {
      this.now = Math.max(this.now, nextDeadline(this.instance, this.facts));
      this.send({ kind: "tick" });
    }
  }

  bury({ launch }: Process): void {
    this.processes.delete(launch);
    this.send({ kind: "gone", launch });
  }

  /** In a world that does its part, whoever waits is answered. */
  settle(): void {
    for (let turn = 0; this.waiters > 0; turn++) {
      ok(turn < 200, "whoever waits is answered");
      const { kind } = this.instance.state;
      if (kind === "waiting" || kind === "draining") {
        this.now = Math.max(this.now, nextDeadline(this.instance, this.facts));
        this.send({ kind: "tick" });
      } else this.progress("kind");
    }
  }
}

function newProcess(launch: number): Process {
  return { launch, kind: "pending", dying: false, probing: false, busy: 0, tunnels: 0 };
}

function describe({ state, second }: Instance): string {
  return second === null ? state.kind : `${state.kind} beside ${second.kind}`;
}

function portOf(endpoint: Endpoint): number | null {
  return endpoint.kind === "tcp" ? endpoint.port : null;
}

/** A round is an episode of one instance. */
export class LifecycleFuzzer implements Fuzzer {
  readonly reached = new Set<string>();
  replacements = 0;

  async round(random: Random): Promise<number> {
    const world = new FuzzWorld(random);
    try {
      while (world.history.length < EPISODE_EVENTS) {
        world.act();
        this.reached.add(describe(world.instance));
      }
      world.settle();
    } catch (error) {
      console.error(world.history.slice(-20).join("\n"));
      throw error;
    }
    this.replacements += world.replacements;
    return world.history.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reached.clear();
  }
}

export const openLifecycleFuzzer = async (): Promise<Fuzzer> => new LifecycleFuzzer();
