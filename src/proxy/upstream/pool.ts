// The idle connections to tenants, kept for the exchanges to come.
import { type Endpoint, renderEndpoint } from "../../core/endpoint.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Turns } from "../turns.ts";
import { KeepAlive, type Reuse } from "./keep-alive.ts";
import { Upstream } from "./upstream.ts";
import type { UpstreamUser } from "./upstream-user.ts";

/** Node's HTTP server ends idle connections after 5 s, others later: below that, this side is the first to close. */
const IDLE_MS_MAX = 4000;

/** As many as one busy tenant uses at a time; more would only cost descriptors. */
const IDLE_PER_TENANT_MAX = 128;

/** Of all tenants together, so that many that were busy once don't hold the server's descriptors. */
const IDLE_MAX = 1024;

/** As many as have answered lately; a forgotten one only has to prove again that it keeps connections. */
const LAUNCHES_MAX = 4096;

export interface Destination {
  readonly endpoint: Endpoint;
  /** No connection to one launch serves another. */
  readonly launch: number;
}

interface Idle {
  readonly upstream: Upstream;
  readonly since: number;
}

interface Launch {
  /** Oldest first. */
  readonly idle: Idle[];
  readonly keepAlive: KeepAlive;
}

export class UpstreamPool {
  readonly #launches = new Map<string, Launch>();
  readonly #clock: Clock;
  readonly #turns: Turns;
  #count = 0;

  constructor(clock: Clock, turns: Turns) {
    this.#clock = clock;
    this.#turns = turns;
  }

  get idleCount(): number {
    return this.#count;
  }

  /** The connection used last, if the request may use it, else a new one, which is not open yet. */
  acquire(
    destination: Destination,
    { reuse, user }: { reuse: Reuse; user: UpstreamUser },
  ): Upstream {
    const key = keyOf(destination);
    const launch = this.#launches.get(key);
    const last = launch?.idle.at(-1);
    const idleMs = last === undefined ? 0 : this.#clock.now() - last.since;
    if (launch === undefined || last === undefined || !isUsable(launch, last, { reuse, idleMs })) {
      return new Upstream(destination.endpoint, { key, user, turns: this.#turns });
    }
    const { upstream } = last;
    launch.idle.pop();
    this.#count -= 1;
    upstream.becomeBusy(user, idleMs);
    return upstream;
  }

  /** Keeps a connection after its answer; ends it when it can't be used again. */
  release(upstream: Upstream): void {
    const launch = this.#launchOf(upstream.key);
    const now = this.#clock.now();
    if (upstream.reusable && upstream.idledMs !== null) launch.keepAlive.servedAgain();
    const isFull = launch.idle.length >= IDLE_PER_TENANT_MAX || this.#count >= IDLE_MAX;
    if (!upstream.reusable || isFull || !launch.keepAlive.isWorthwhile(now)) {
      upstream.destroy();
      return;
    }
    launch.idle.push({ upstream, since: now });
    this.#count += 1;
    upstream.becomeIdle(() => this.#closed(launch, upstream));
  }

  /** A connection was closed before it answered, perhaps before the request came. */
  broke({ idledMs, key }: Upstream): void {
    if (idledMs === null) return;
    this.#launchOf(key).keepAlive.closedAfter(idledMs, this.#clock.now());
  }

  /** Ends connections that have been idle too long. */
  sweep(now: number): void {
    for (const { idle, keepAlive } of this.#launches.values()) {
      const [oldest] = idle;
      if (oldest !== undefined) keepAlive.isOpenAfter(now - oldest.since);
      while (idle[0] !== undefined && now - idle[0].since >= IDLE_MS_MAX) {
        idle.shift()?.upstream.destroy();
        this.#count -= 1;
      }
    }
  }

  close(): void {
    this.sweep(Number.POSITIVE_INFINITY);
  }

  #launchOf(key: string): Launch {
    const known = this.#launches.get(key);
    if (known !== undefined) return known;
    if (this.#launches.size >= LAUNCHES_MAX) this.#forgetOne();
    const launch = { idle: [], keepAlive: new KeepAlive() };
    this.#launches.set(key, launch);
    return launch;
  }

  /** The one known longest that has no idle connection; one that has may be in use. */
  #forgetOne(): void {
    for (const [key, { idle }] of this.#launches) {
      if (idle.length > 0) continue;
      this.#launches.delete(key);
      return;
    }
  }

  /** The tenant has ended an idle connection. */
  #closed({ idle, keepAlive }: Launch, upstream: Upstream): void {
    const index = idle.findIndex((entry) => entry.upstream === upstream);
    const [entry] = index === -1 ? [] : idle.splice(index, 1);
    if (entry === undefined) return;
    this.#count -= 1;
    const now = this.#clock.now();
    keepAlive.closedAfter(now - entry.since, now);
  }
}

function isUsable(
  { keepAlive }: Launch,
  { upstream }: Idle,
  { reuse, idleMs }: { reuse: Reuse; idleMs: number },
): boolean {
  return keepAlive.allows(reuse, idleMs) && (reuse === "any" || !upstream.isReadable);
}

function keyOf({ endpoint, launch }: Destination): string {
  return `${launch} ${renderEndpoint(endpoint)}`;
}
