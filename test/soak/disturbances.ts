// Disturbances by the operator: kills of the server, hand-overs, reloads and rollouts, on a schedule.
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../support/random.ts";
import type { Ten } from "../support/ten.ts";
import { until } from "../support/until.ts";
import type { Outages } from "./outages.ts";
import { changeIdleTimeout } from "./population.ts";

/** From one kill to the next: 100 in half an hour. */
const KILL_INTERVAL_MS = 14_000;
/** A hand-over is killed at a moment within that time. */
const HANDOVER_MS = 1500;

export class Disturbances {
  readonly failures: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #ten: Ten;
  readonly #random: Random;
  readonly #outages: Outages;
  readonly #moment: Set<string>;

  /** @param parts `moment` is told of the operations under way */
  constructor(parts: { ten: Ten; random: Random; outages: Outages; moment: Set<string> }) {
    this.#moment = parts.moment;
    this.#ten = parts.ten;
    this.#random = parts.random;
    this.#outages = parts.outages;
  }

  /** Ends with a server that listens. */
  async run(signal: AbortSignal): Promise<void> {
    const others = [
      () => this.#command("hand-over", "restart-server"),
      () => this.#reload(),
      () => this.#command("rollout", "rollout", "calm", "--parallel", "4"),
      () => this.#killHandover(),
    ];
    for (let turn = 0; !signal.aborted; turn += 1) {
      await pause(KILL_INTERVAL_MS / 2, signal);
      const other = others[turn % others.length]?.();
      await pause(KILL_INTERVAL_MS / 2, signal);
      if (!signal.aborted) await this.#kill();
      await other;
    }
  }

  async #kill(): Promise<void> {
    this.#count("kill -9");
    this.#outages.begin();
    await this.#ten.kill9();
    await this.#startUnlessServed();
    this.#outages.end();
  }

  /** Either server may be the one that goes on, or neither. */
  async #killHandover(): Promise<void> {
    this.#count("kill -9 within a hand-over");
    const handover = this.#ten.ten("restart-server");
    await delay(this.#random.below(HANDOVER_MS));
    await this.#kill();
    await handover;
  }

  /** The next server of an interrupted hand-over may have taken over. */
  async #startUnlessServed(): Promise<void> {
    try {
      await this.#ten.start();
    } catch (error) {
      await until("the server that holds the lock answers", async () => {
        const { exitCode } = await this.#ten.ten("ps");
        return exitCode === 0;
      }).catch(() => this.failures.push(`no server starts: ${error}`));
    }
  }

  async #reload(): Promise<void> {
    this.#ten.reconfigure(changeIdleTimeout);
    await this.#command("reload", "reload");
  }

  /** Fails unless it succeeds, or the server was killed meanwhile. */
  async #command(name: string, ...args: readonly string[]): Promise<void> {
    this.#count(name);
    const startedAt = performance.now();
    this.#moment.add(name);
    const { exitCode, stderr } = await this.#ten.ten(...args);
    this.#moment.delete(name);
    if (exitCode === 0 || this.#outages.overlaps(startedAt, performance.now())) return;
    this.failures.push(`${name}: ${stderr.trim()}`);
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}

/** Resolves early when the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
