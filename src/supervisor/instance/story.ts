// Records the story of an instance for `ten why`: the cause of its start, the time of each phase, its last exit.
import type { Cause, Instance, InstanceState } from "../../core/life/instance.ts";
import type { Statistics } from "../../metrics/statistics.ts";
import type { Clock } from "../../platform/clock.ts";
import type { LaunchRecord, WakeRecord } from "../administration.ts";

interface Phases {
  readonly at: number;
  readonly by: string;
  readonly queuedAt: number;
  startedAt: number | null;
  launchedAt: number | null;
  readyAt: number | null;
}

const CAUSES: Readonly<Record<Cause, string>> = {
  request: "a request",
  operator: "an operator",
  boot: "the start of the server",
  retry: "a restart after a crash",
  reload: "a change of its configuration",
};

export class StoryRecorder {
  readonly #clock: Clock;
  readonly #statistics: Statistics;
  #kind: InstanceState["kind"] = "asleep";
  #restarts = 0;
  #wake: Phases | null = null;
  #earlierWake: WakeRecord | null = null;
  #exit: { at: number; reason: string } | null = null;
  #launch: LaunchRecord | null = null;

  constructor({ clock, statistics }: { clock: Clock; statistics: Statistics }) {
    this.#clock = clock;
    this.#statistics = statistics;
  }

  /** @param requester names the request that caused the start, if one did */
  follow({ restarts, state }: Instance, requester: string | null): void {
    const now = this.#clock.now();
    const isNew = state.kind !== this.#kind;
    this.#kind = state.kind;
    if (state.kind === "queued" && isNew) this.#begin(state.cause, requester, now);
    // Restarts of an earlier server are not counted again: they come with another state.
    if (state.kind === "queued" && restarts > this.#restarts) this.#statistics.recordRestart();
    this.#restarts = restarts;
    if (this.#wake === null) return;
    if (state.kind === "starting") {
      this.#wake.startedAt ??= now;
      if (state.child !== null) this.#wake.launchedAt ??= now;
    } else if (state.kind === "running" && isNew) this.#succeed(now);
  }

  /** Continues the story of the previous server. */
  resumeFrom({ lastWake, lastExit }: Pick<StoryRecorder, "lastWake" | "lastExit">): void {
    this.#earlierWake = lastWake;
    this.#exit = lastExit;
  }

  launching(): void {
    this.#launch = { at: this.#clock.wall(), process: null };
  }

  launched(process: NonNullable<LaunchRecord["process"]>): void {
    if (this.#launch !== null) this.#launch = { ...this.#launch, process };
  }

  get lastLaunch(): LaunchRecord | null {
    return this.#launch;
  }

  exited(reason: string): void {
    this.#exit = { at: this.#clock.wall(), reason };
  }

  get lastExit(): { readonly at: number; readonly reason: string } | null {
    return this.#exit;
  }

  get lastWake(): WakeRecord | null {
    if (this.#wake === null) return this.#earlierWake;
    const { at, by, queuedAt, startedAt, launchedAt, readyAt } = this.#wake;
    return {
      at,
      by,
      queuedMs: between(queuedAt, startedAt),
      launchMs: between(startedAt, launchedAt),
      readyMs: between(launchedAt, readyAt),
    };
  }

  #begin(cause: Cause, requester: string | null, now: number): void {
    const by = cause === "request" ? (requester ?? CAUSES.request) : CAUSES[cause];
    const ahead = { startedAt: null, launchedAt: null, readyAt: null };
    this.#wake = { at: this.#clock.wall(), by, queuedAt: now, ...ahead };
  }

  #succeed(now: number): void {
    if (this.#wake !== null) this.#wake.readyAt ??= now;
    const wake = this.lastWake;
    if (wake === null) return;
    this.#statistics.recordWake({
      queue: wake.queuedMs,
      spawn: wake.launchMs,
      ready: wake.readyMs,
    });
  }
}

function between(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : to - from;
}
