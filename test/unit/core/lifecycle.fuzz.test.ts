import { expect, test } from "bun:test";
import {
  type Effect,
  type Event,
  type Facts,
  type Instance,
  newInstance,
} from "../../../src/core/instance.ts";
import { nextDeadline, step } from "../../../src/core/lifecycle.ts";
import { RESTART_POLICIES, type Service } from "../../../src/core/service.ts";
import { type Random, seededRandom } from "../../support/random.ts";
import { serviceWith } from "../../support/service.ts";

const EVENTS = 200_000;
const EPISODE_EVENTS = 200;
const ENDPOINT = { kind: "tcp", host: "127.0.0.1", port: 30_000 } as const;

type Process = { launch: number; kind: "pending" | "alive" | "exited"; dying: boolean };

/** A world that obeys the effects as unreliably as a real one, and checks what must always hold. */
class FuzzWorld {
  readonly random: Random;
  readonly service: Service;
  instance: Instance = newInstance({ service: "notes", id: "alice" });
  now = 1;
  waiters = 0;
  process: Process | null = null;
  probing: number | null = null;
  traffic = { open: 0, busy: 0, lastActiveAt: 0 };
  readonly history: string[] = [];

  constructor(random: Random) {
    this.random = random;
    this.service = serviceWith({
      idleTimeoutMs: random.pick([0, 1000, 60_000]),
      startupTimeoutMs: random.pick([500, 10_000]),
      stopTimeoutMs: random.pick([0, 500, 10_000]),
      restart: { ...serviceWith().restart, policy: random.pick(RESTART_POLICIES) },
    });
  }

  get facts(): Facts {
    const { now, service, traffic } = this;
    return { now, random: this.random.next(), service, traffic };
  }

  send(event: Event): void {
    const before = this.instance;
    const { instance, effects } = step(before, event, this.facts);
    this.history.push(`${JSON.stringify(event)} ${before.state.kind}→${instance.state.kind}`);
    this.instance = instance;
    if (event.kind === "wake" && event.cause === "request") this.waiters++;
    for (const effect of effects) this.obey(effect);
    this.check();
  }

  obey(effect: Effect): void {
    switch (effect.kind) {
      case "launch":
        expect(this.process).toBeNull();
        this.process = { launch: effect.launch, kind: "pending", dying: false };
        break;
      case "probe":
        expect(this.probing).not.toBe(effect.launch);
        this.probing = effect.launch;
        break;
      case "signal":
        expect(this.process).not.toBeNull();
        if (this.process !== null) this.process.dying ||= effect.signal === "SIGKILL";
        break;
      case "admit":
        expect(this.instance.state.kind).toBe("running");
        this.traffic.open += this.waiters;
        this.traffic.busy += this.waiters;
        this.waiters = 0;
        break;
      case "refuse":
        this.waiters = 0;
        break;
    }
  }

  check(): void {
    const { state, launch } = this.instance;
    const atRest = ["asleep", "stopped", "failed"].includes(state.kind);
    const withoutProcess = atRest || state.kind === "queued" || state.kind === "waiting";
    expect(this.process === null).toBe(withoutProcess);
    if (this.process !== null) expect(this.process.launch).toBe(launch);
    const startFailed = "after" in state && state.after.kind === "crashed" && !state.after.ready;
    const answered = atRest || state.kind === "running" || startFailed;
    if (answered || (state.kind === "waiting" && !state.ready)) expect(this.waiters).toBe(0);
    if ("child" in state && state.child !== null) expect(this.process?.kind).not.toBe("pending");
  }

  /** Time passes, to the next deadline or short of it; a deadline that has come must lead on. */
  pass(): void {
    const deadline = nextDeadline(this.instance, this.facts);
    const reaches = Number.isFinite(deadline) && this.random.below(3) > 0;
    this.now = reaches ? Math.max(this.now, deadline) : this.now + this.random.below(200);
    const before = this.instance.state;
    this.send({ kind: "tick" });
    if (!reaches) return;
    const moved = this.instance.state.kind !== before.kind;
    expect(moved || nextDeadline(this.instance, this.facts) > this.now).toBe(true);
  }

  /** Something of what is possible in the real world at this point. */
  act(): void {
    const { random } = this;
    const moves: (() => void)[] = [
      () => this.pass(),
      () => this.pass(),
      () => this.send({ kind: "wake", cause: random.pick(["request", "request", "operator"]) }),
      () =>
        this.send({ kind: "rest", to: random.pick(["asleep", "stopped", "disabled", "restart"]) }),
      () => this.send({ kind: "gone", launch: this.instance.launch - 1 }),
      () => this.serve(),
    ];
    if (random.below(8) === 0) moves.push(() => this.send({ kind: "wake", cause: "operator" }));
    for (let i = 0; i < 4; i++) moves.push(() => this.progress());
    random.pick(moves)();
  }

  /** Requests end, or turn into tunnels. */
  serve(): void {
    const { traffic, random } = this;
    if (traffic.busy > 0) traffic.busy--;
    if (traffic.open > traffic.busy && random.below(2) === 0) traffic.open--;
    traffic.lastActiveAt = this.now;
    this.send({ kind: "tick" });
  }

  /** The queue, the process and the probe do their part. */
  progress(mood: "fickle" | "kind" = "fickle"): void {
    const fails = mood === "fickle" && this.random.below(3) === 0;
    if (this.instance.state.kind === "queued") this.send({ kind: "turn" });
    else if (this.process?.kind === "pending") this.launch(this.process, fails);
    else if (this.process?.kind === "exited") this.bury(this.process);
    else if (this.process !== null) this.live(this.process, mood, fails);
  }

  launch(process: Process, fails: boolean): void {
    const { launch } = process;
    if (fails) {
      this.process = null;
      this.send({ kind: "launchFailed", launch, reason: "no" });
      return;
    }
    process.kind = "alive";
    this.send({ kind: "launched", launch, child: { pid: 7, startTime: launch } });
  }

  live(process: Process, mood: "fickle" | "kind", fails: boolean): void {
    const { launch } = process;
    if (process.dying || (fails && this.random.below(3) === 0)) {
      process.kind = "exited";
      const code = this.random.below(2);
      this.send({ kind: "exited", launch, exit: { kind: "code", code } });
    } else if (this.probing === launch) {
      this.probing = null;
      const answer = fails
        ? ({ kind: "unready", reason: "no" } as const)
        : ({ kind: "ready", endpoint: ENDPOINT } as const);
      this.send({ kind: "probed", launch, answer });
    } else if (mood === "kind") {
      this.now = Math.max(this.now, nextDeadline(this.instance, this.facts));
      this.send({ kind: "tick" });
    }
  }

  bury({ launch }: Process): void {
    this.process = null;
    this.traffic.open = 0;
    this.traffic.busy = 0;
    this.send({ kind: "gone", launch });
  }

  /** In a world that does its part, whoever waits is answered. */
  settle(): void {
    for (let turn = 0; this.waiters > 0; turn++) {
      expect(turn).toBeLessThan(100);
      const { kind } = this.instance.state;
      if (kind === "waiting" || kind === "draining") {
        this.now = Math.max(this.now, nextDeadline(this.instance, this.facts));
        this.send({ kind: "tick" });
      } else this.progress("kind");
    }
  }
}

test("holds its invariants through random events", () => {
  const random = seededRandom("lifecycle fuzz");
  const visited = new Set<string>();
  for (let played = 0; played < EVENTS; played += EPISODE_EVENTS) {
    const world = new FuzzWorld(random);
    try {
      while (world.history.length < EPISODE_EVENTS) {
        world.act();
        visited.add(world.instance.state.kind);
      }
      world.settle();
    } catch (error) {
      console.error(world.history.slice(-20).join("\n"));
      throw error;
    }
  }
  // The fuzzer has been everywhere, or it proves little.
  expect(visited.size).toBe(9);
});
