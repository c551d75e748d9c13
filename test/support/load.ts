// A steady load over keep-alive connections, alternately GET and POST; counts answers and failures.
import { Agent, request } from "node:http";

export interface LoadOptions {
  readonly port: number;
  /** Host headers, used in turn. */
  readonly hosts: readonly string[];
  readonly perSecond: number;
  readonly path?: string;
}

/** Enough connections that slow answers don't delay other requests. */
const CONNECTIONS = 32;
const TICK_MS = 10;
/** Failures that are kept for the message. */
const FAILURES_KEPT = 20;

export class Load implements AsyncDisposable {
  /** The number of answers with status 200, by their text. */
  readonly answers = new Map<string, number>();
  /** The first failures, each with its method, host and time since the start. */
  readonly failures: string[] = [];
  answered = 0;
  failed = 0;
  readonly #options: LoadOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #open = new Set<Promise<void>>();
  readonly #awaited = new Set<{ readonly count: number; readonly resolve: () => void }>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #startedAt = performance.now();
  #sent = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#catchUp(), TICK_MS);
  }

  /** Resolves when so many more requests have been answered. */
  more(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited.add({ count: this.answered + count, resolve });
    return promise;
  }

  /** Resolves when every request that was sent has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Sends as many requests as are due: a late tick sends more. */
  #catchUp(): void {
    const due = ((performance.now() - this.#startedAt) / 1000) * this.#options.perSecond;
    while (this.#sent < due) {
      const sent = this.#send(this.#options.hosts[this.#sent % this.#options.hosts.length] ?? "");
      this.#sent++;
      this.#open.add(sent);
      void sent.then(() => this.#open.delete(sent));
    }
  }

  #send(host: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { hosts, port, path = "/" } = this.#options;
    const fail = (what: string) => {
      this.failed++;
      const at = Math.round(performance.now() - this.#startedAt);
      if (this.failures.length < FAILURES_KEPT)
        this.failures.push(`${method} to ${host}, after ${at} ms: ${what}`);
      resolve();
    };
    // A POST is never retried, so no retry hides a failure; each host gets both methods.
    const method = Math.floor(this.#sent / hosts.length) % 2 === 0 ? "GET" : "POST";
    const headers = { Host: host };
    const options = { host: "127.0.0.1", port, path, method, headers, agent: this.#agent };
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", ({ message }) => fail(`broke off: ${message}`));
      response.on("end", () => {
        if (response.statusCode !== 200) return fail(`status ${response.statusCode}: ${text}`);
        this.#answer(text);
        resolve();
      });
    });
    sent.on("error", ({ message }) => fail(message));
    sent.end(method === "POST" ? "body" : undefined);
    return promise;
  }

  #answer(text: string): void {
    this.answered++;
    this.answers.set(text, (this.answers.get(text) ?? 0) + 1);
    for (const waiter of this.#awaited) {
      if (this.answered < waiter.count) continue;
      this.#awaited.delete(waiter);
      waiter.resolve();
    }
  }
}
