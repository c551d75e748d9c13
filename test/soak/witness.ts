// The clients of the well-behaved tenants: requests at a fixed rate, whose answers, writes and times are checked.
import { existsSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import type { Client } from "../../src/control/client/client.ts";
import type { Random } from "../support/random.ts";
import type { Outages } from "./outages.ts";
import { AWAKE, hostOf, TENANTS } from "./population.ts";

/** Half of them are writes. */
const PER_SECOND = 40;
/** One in so many is for any tenant, most of which sleep. */
const COLD_ONE_IN = 20;
const TICK_MS = 10;
const CONNECTIONS = 64;
/** Idle connections end before the proxy ends them, after 75 s. */
const IDLE_MS_MAX = 30_000;
const FAILURES_KEPT = 20;
const LINES_MAX = 10_000;

interface Answered {
  readonly phase: string;
  readonly ms: number;
  /** From the time when it was due to its sending: the witness itself was kept from the processor. */
  readonly lateMs: number;
  readonly metOutage: boolean;
  /** The attacks and operations under way when it was due. */
  readonly moment: readonly string[];
}

/** Writes of a tenant, by key: acknowledged, or cut off by a kill of the server and so unknown. */
type Ledger = Map<string, "acknowledged" | "cut">;

export interface Account {
  readonly acknowledged: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
}

export class Witness {
  phase = "warm-up";
  /** What is under way. */
  readonly moment = new Set<string>();
  readonly answered: Answered[] = [];
  readonly failures: string[] = [];
  failed = 0;
  /** Requests that a kill of the server cut off, and that were sent again with another key. */
  cut = 0;
  readonly #port: number;
  readonly #random: Random;
  readonly #outages: Outages;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, timeout: IDLE_MS_MAX });
  readonly #ledgers = new Map(TENANTS.map((id): [string, Ledger] => [id, new Map()]));
  readonly #open = new Set<Promise<void>>();
  readonly #startedAt = performance.now();
  readonly #timer = setInterval(() => this.#catchUp(), TICK_MS);
  #sent = 0;
  #keys = 0;

  constructor(parts: { port: number; random: Random; outages: Outages }) {
    this.#port = parts.port;
    this.#random = parts.random;
    this.#outages = parts.outages;
  }

  /** Resolves when all that was sent has been answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  /** Compares the acknowledged writes with the tenants' files. */
  checkFiles(dataDir: string): Account {
    return this.#check((id) => {
      const file = join(dataDir, "calm", id, "writes");
      return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
    });
  }

  /** Compares the acknowledged writes with the tenants' log lines. */
  async checkLogs(client: Client): Promise<Account> {
    const lines = new Map<string, readonly string[]>();
    for (const id of TENANTS) {
      const query = { process: "calm", id, search: "wrote", limit: String(LINES_MAX) };
      const found = await client.call("searchLogs", { query } as never);
      const messages = (found as readonly { readonly message: string }[]).map(
        (line) => line.message,
      );
      lines.set(
        id,
        messages.map((message) => message.replace("wrote ", "")),
      );
    }
    return this.#check((id) => lines.get(id) ?? []);
  }

  #check(read: (id: string) => readonly string[]): Account {
    const account = { acknowledged: 0, lost: [] as string[], doubled: [] as string[] };
    for (const [id, ledger] of this.#ledgers) {
      const keys = read(id);
      const found = new Set(keys);
      const acknowledged = [...ledger].filter(([, fate]) => fate === "acknowledged");
      account.acknowledged += acknowledged.length;
      account.lost.push(...acknowledged.map(([key]) => key).filter((key) => !found.has(key)));
      account.doubled.push(...keys.filter((key, index) => keys.indexOf(key) !== index));
      account.doubled.push(...[...found].filter((key) => !ledger.has(key)));
    }
    return account;
  }

  /** Sends as many requests as are due, however late the answers are. */
  #catchUp(): void {
    const passed = (performance.now() - this.#startedAt) / 1000;
    for (; this.#sent < passed * PER_SECOND; this.#sent += 1) {
      const id = this.#random.pick(this.#random.below(COLD_ONE_IN) === 0 ? TENANTS : AWAKE);
      const due = this.#startedAt + (this.#sent / PER_SECOND) * 1000;
      const asked = this.#ask(id, this.#random.below(2) === 0, due);
      this.#open.add(asked);
      void asked.then(() => this.#open.delete(asked));
    }
  }

  async #ask(id: string, writes: boolean, due: number): Promise<void> {
    const { phase } = this;
    const moment = [...this.moment];
    const lateMs = performance.now() - due;
    for (;;) {
      this.#keys += 1;
      const key = `${id}-${this.#keys}`;
      const sentAt = performance.now();
      const outcome = await this.#send(id, key, writes ? "POST" : "GET");
      const now = performance.now();
      const metOutage = this.#outages.overlaps(due, now);
      if (outcome === "ok") {
        if (writes) this.#ledgers.get(id)?.set(key, "acknowledged");
        this.answered.push({ phase, ms: now - due, lateMs, metOutage, moment });
        return;
      }
      // Like a browser: what the server was killed over is sent again.
      const isCut = outcome.startsWith("cut: ") && this.#outages.overlaps(sentAt, now);
      if (writes) this.#ledgers.get(id)?.set(key, "cut");
      if (!isCut)
        return this.#fail(`${phase}: ${key}, ${writes ? "a write" : "a read"}: ${outcome}`);
      this.cut += 1;
    }
  }

  /** "ok", "cut: …" where the connection broke, or the wrong answer. */
  #send(id: string, key: string, method: "GET" | "POST"): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const options = {
      host: "127.0.0.1",
      port: this.#port,
      path: `/${key}`,
      method,
      headers: { Host: hostOf("calm", id) },
      agent: this.#agent,
    };
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", ({ message }) => resolve(`cut: ${message}`));
      response.on("aborted", () => resolve("cut: within the answer"));
      response.on("end", () => {
        const isRight = response.statusCode === 200 && text === `${id} ${key}`;
        resolve(isRight ? "ok" : `${response.statusCode} ${text.slice(0, 300)}`);
      });
    });
    sent.on("error", ({ message }) => resolve(`cut: ${message}`));
    sent.end(method === "POST" ? "body" : undefined);
    return promise;
  }

  #fail(failure: string): void {
    this.failed += 1;
    if (this.failures.length < FAILURES_KEPT) this.failures.push(failure);
  }
}

interface Selection {
  readonly phase: string;
  readonly time: "ms" | "lateMs";
  readonly part: number;
  /** Leaves out the answers that met an outage. */
  readonly quiet: boolean;
}

/** Milliseconds. */
export function quantile({ answered }: Witness, selection: Selection): number {
  const { phase, time, part, quiet } = selection;
  const chosen = answered.filter((each) => each.phase === phase && !(quiet && each.metOutage));
  return quantileOf(
    chosen.map((each) => each[time]),
    part,
  );
}

/** The p99 of the answers during each attack and operation, without outages, the slowest first. */
export function slowMoments({ answered }: Witness): readonly (readonly [string, number])[] {
  const quiet = answered.filter(({ metOutage }) => !metOutage);
  const names = [...new Set(quiet.flatMap(({ moment }) => moment))];
  const during = (name: string) =>
    quiet.filter(({ moment }) => moment.includes(name)).map(({ ms }) => ms);
  return names
    .map((name) => [name, quantileOf(during(name), 0.99)] as const)
    .sort(([, a], [, b]) => b - a);
}

function quantileOf(times: readonly number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}
