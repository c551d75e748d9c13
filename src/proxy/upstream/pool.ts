// The idle connections to tenants, kept for the exchanges to come.
import { type Endpoint, renderEndpoint } from "../../core/endpoint.ts";
import type { Clock } from "../../platform/clock.ts";
import { Upstream } from "./upstream.ts";
import type { UpstreamUser } from "./upstream-user.ts";

/** Node's HTTP server ends idle connections after 5 s, others later: below that, this side is the first to close. */
const IDLE_MS_MAX = 4000;

/** As many as one busy tenant uses at a time; more would only cost descriptors. */
const IDLE_PER_TENANT_MAX = 128;

/** Of all tenants together, so that many that were busy once don't hold the server's descriptors. */
const IDLE_MAX = 1024;

export interface Destination {
  readonly endpoint: Endpoint;
  /** No connection to one launch serves another. */
  readonly launch: number;
}

interface Idle {
  readonly upstream: Upstream;
  readonly since: number;
}

export class UpstreamPool {
  /** Oldest first. */
  readonly #idle = new Map<string, Idle[]>();
  readonly #clock: Clock;
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get idleCount(): number {
    return this.#count;
  }

  /** The connection used last if it has been idle for less than `idleMsMax`, else a new one, which is not open yet. */
  acquire(
    destination: Destination,
    { idleMsMax, user }: { idleMsMax: number; user: UpstreamUser },
  ): Upstream {
    const key = keyOf(destination);
    const idle = this.#idle.get(key);
    const last = idle?.at(-1);
    if (idle === undefined || last === undefined || this.#clock.now() - last.since >= idleMsMax) {
      return new Upstream(destination.endpoint, { key, user });
    }
    idle.pop();
    this.#count -= 1;
    last.upstream.becomeBusy(user);
    return last.upstream;
  }

  /** Keeps a connection after its answer; ends it when it can't be used again. */
  release(upstream: Upstream): void {
    const idle = this.#idle.get(upstream.key) ?? [];
    if (!upstream.reusable || idle.length >= IDLE_PER_TENANT_MAX || this.#count >= IDLE_MAX) {
      upstream.destroy();
      return;
    }
    if (idle.length === 0) this.#idle.set(upstream.key, idle);
    idle.push({ upstream, since: this.#clock.now() });
    this.#count += 1;
    upstream.becomeIdle(() => this.#forget(upstream));
  }

  /** Ends connections that have been idle too long. */
  sweep(now: number): void {
    for (const [key, idle] of this.#idle) {
      while (idle[0] !== undefined && now - idle[0].since >= IDLE_MS_MAX) {
        idle.shift()?.upstream.destroy();
        this.#count -= 1;
      }
      if (idle.length === 0) this.#idle.delete(key);
    }
  }

  close(): void {
    this.sweep(Number.POSITIVE_INFINITY);
  }

  #forget(upstream: Upstream): void {
    const idle = this.#idle.get(upstream.key);
    const index = idle?.findIndex((entry) => entry.upstream === upstream) ?? -1;
    if (index === -1) return;
    idle?.splice(index, 1);
    this.#count -= 1;
  }
}

function keyOf({ endpoint, launch }: Destination): string {
  return `${launch} ${renderEndpoint(endpoint)}`;
}
