// The hostile tenants at work: some at a time, each in turn woken for a spell, and put to sleep again.
import type { Client } from "../../src/control/client/client.ts";
import { messageOf } from "../../src/core/errors.ts";
import { pause } from "./disturbances.ts";
import type { Outages } from "./outages.ts";
import { ATTACKS, type Attack, isRoot, NEEDS_ROOT } from "./population.ts";

const AT_ONCE = 3;
const SPELL_MS = 8000;

export class Attacks {
  /** Spells of each attack. */
  readonly spells = new Map<Attack, number>();
  /** Orders that the server refused, by their message: a hostile tenant may fail to start or to rest. */
  readonly refusals = new Map<string, number>();
  readonly #client: Client;
  readonly #outages: Outages;
  readonly #moment: Set<string>;

  /** @param parts `moment` is told of the attacks under way */
  constructor(parts: { client: Client; outages: Outages; moment: Set<string> }) {
    const { client, outages, moment } = parts;
    this.#client = client;
    this.#moment = moment;
    this.#outages = outages;
    if (isRoot) return;
    for (const [attack, reason] of Object.entries(NEEDS_ROOT)) console.log(`${attack}: ${reason}`);
  }

  /** Registers the hostile tenants, asleep. */
  async prepare(): Promise<void> {
    for (const id of ATTACKS) {
      await this.#client.call("spawnInstance", { body: { process: "hostile", id, start: false } });
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn += AT_ONCE) {
      const chosen = Array.from({ length: AT_ONCE }, (_, index) => {
        return ATTACKS[(turn + index) % ATTACKS.length] ?? "logs";
      });
      for (const attack of chosen) this.#moment.add(attack);
      await Promise.all(chosen.map((attack) => this.#order("startInstance", attack)));
      for (const attack of chosen) this.spells.set(attack, (this.spells.get(attack) ?? 0) + 1);
      await pause(SPELL_MS, signal);
      await Promise.all(chosen.map((attack) => this.#order("sleepInstance", attack)));
      for (const attack of chosen) this.#moment.delete(attack);
    }
  }

  /** Stops all; returns those that do not come to rest. */
  async end(): Promise<readonly string[]> {
    const stuck: string[] = [];
    await Promise.all(
      ATTACKS.map(async (attack) => {
        const params = { ref: `hostile:${attack}` };
        await this.#client
          .call("stopInstance", { params })
          .catch((error) => stuck.push(`hostile:${attack}: ${messageOf(error)}`));
      }),
    );
    return stuck;
  }

  async #order(name: "startInstance" | "sleepInstance", attack: Attack): Promise<void> {
    const startedAt = performance.now();
    try {
      await this.#client.call(name, { params: { ref: `hostile:${attack}` } });
    } catch (error) {
      if (this.#outages.overlaps(startedAt, performance.now())) return;
      const message = `${name} ${messageOf(error)}`.slice(0, 300);
      this.refusals.set(message, (this.refusals.get(message) ?? 0) + 1);
    }
  }
}
