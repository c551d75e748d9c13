// Finds a process for a request, wakes one where none runs, and decides whether a failed request is tried again.
import { unreachable } from "../../core/assert.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { TenError } from "../../core/errors.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Target } from "../../core/routing.ts";
import type { Service } from "../../core/service.ts";
import type { Lease } from "../../supervisor/gateway.ts";
import { refusalOf } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Reuse } from "../upstream/keep-alive.ts";
import type { Destination } from "../upstream/pool.ts";
import type { ProxyContext } from "./proxy-context.ts";
import { Retries, reuseOf } from "./retries.ts";

/** Where a request may go; without a lease to the API and to the next server, which are no tenants. */
export interface Grant {
  readonly destination: Destination;
  readonly lease: Lease | null;
}

/** Needs no decision here: the next server makes it. */
const NEXT_SERVER: Target = { kind: "control" };

/** For how long refused connections are tried again where the service sets no `request_timeout`: its default. */
const REFUSED_MS_MAX = 30_000;

/** The same for the API and another server: they refuse while their queue is full, or when they have ended. */
const REFUSED_BY_SERVER_MS_MAX = 1000;

const BUSY_RETRY_AFTER_MS = 1000;

type Found = Grant | Promise<Grant | null> | null;

export class Seeker {
  readonly #head: RequestHead;
  readonly #context: ProxyContext;
  readonly #target: Target;
  readonly #passedOver = new Set<RefKey>();
  /** Null: no attempt has failed. */
  #retries: Retries | null = null;
  #abort: AbortController | null = null;
  #isWaking = false;

  constructor(head: RequestHead, context: ProxyContext) {
    const { hostname, path } = head;
    this.#head = head;
    this.#context = context;
    this.#target =
      context.nextServer === null ? context.gateway.decide({ hostname, path }) : NEXT_SERVER;
  }

  /** The instance that the request names; null: it names none. */
  get ref(): InstanceRef | null {
    return this.#target.kind === "instance" ? this.#target.ref : null;
  }

  /** Null: no service answers the request. */
  get service(): Service | null {
    const { gateway } = this.#context;
    switch (this.#target.kind) {
      case "instance":
        return gateway.service(this.#target.ref.service);
      case "service":
        return gateway.service(this.#target.service);
      case "control":
      case "unknown":
        return null;
      default:
        return unreachable(this.#target);
    }
  }

  /** At once when the process runs; null: nothing is at this address. Throws or rejects as `Gateway.wake` does. */
  seek(): Found {
    const { control, nextServer } = this.#context;
    if (nextServer !== null) return grantOfServer(nextServer);
    switch (this.#target.kind) {
      case "control":
        return { destination: { endpoint: control, launch: 0 }, lease: null };
      case "instance":
        return this.#claim(this.#target.ref);
      case "service":
        return this.#claim(this.#pick(this.#target.service));
      case "unknown":
        return null;
      default:
        return unreachable(this.#target);
    }
  }

  /** The kept connections that the next attempt may use. */
  get reuse(): Reuse {
    return this.#retries === null ? reuseOf(this.#head) : "none";
  }

  /** Waits for a process to start, and not for one that runs to take the connection. */
  get isWaking(): boolean {
    return this.#isWaking;
  }

  /**
   * After a connection that failed before any byte of an answer. Null: the request is not tried again.
   * @param failed released already; null: not to a tenant
   */
  seekAgain(failed: Lease | null, kind: "refused" | "broken"): Found {
    const { clock, gateway, nextServer } = this.#context;
    this.#retries ??= new Retries(this.#head, this.#refusedMsMax());
    const retries = this.#retries;
    if (!retries.mayFollow(kind, clock.now())) return null;
    if (failed === null || nextServer !== null) {
      return kind === "broken" ? this.seek() : this.#pause(retries).then(() => this.seek());
    }
    if (this.#target.kind === "service" && kind === "refused") {
      this.#passedOver.add(formatRef(failed.ref));
      const next = gateway.pick(this.#target.service, this.#passedOver);
      if (next !== null) return this.#claim(next);
      this.#passedOver.clear();
    }
    return this.#seekProcess(failed, { kind, retries });
  }

  #refusedMsMax(): number {
    const limitMs = this.service?.requestTimeoutMs ?? REFUSED_BY_SERVER_MS_MAX;
    return limitMs === 0 ? REFUSED_MS_MAX : limitMs;
  }

  /** Waits for the restart where the process has ended, and for room where it runs. */
  async #seekProcess(
    { ref, launch }: Lease,
    { kind, retries }: { kind: "refused" | "broken"; retries: Retries },
  ): Promise<Grant | null> {
    const runs = await this.#context.gateway.isRunning(ref, launch);
    this.#signal.throwIfAborted();
    if (!runs) return retries.mayRestart() ? this.#wake(ref) : null;
    if (kind === "refused") await this.#pause(retries);
    return this.seek();
  }

  /** Rejects when the client has left meanwhile. */
  async #pause(retries: Retries): Promise<void> {
    this.#isWaking = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#context.clock.after(retries.nextPauseMs(), resolve);
    await promise;
    this.#signal.throwIfAborted();
  }

  get #signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** The client has left or been answered: a process is no longer needed. */
  cancel(): void {
    this.#abort?.abort();
  }

  #pick(service: string): InstanceRef {
    const { gateway } = this.#context;
    const ref = gateway.pick(service, this.#passedOver);
    if (ref !== null) return gateway.isFull(ref) ? this.#pickWithRoom(service, ref) : ref;
    throw new TenError(
      "INSTANCE_UNAVAILABLE",
      `Cannot serve "${service}": none of its instances takes requests`,
    );
  }

  /** Another instance that does not let the request wait; else this one. */
  #pickWithRoom(service: string, full: InstanceRef): InstanceRef {
    const { gateway } = this.#context;
    const tried = new Set(this.#passedOver);
    let next: InstanceRef | null = full;
    for (; next !== null && gateway.isFull(next); next = gateway.pick(service, tried)) {
      tried.add(formatRef(next));
    }
    return next ?? full;
  }

  #claim(ref: InstanceRef): Grant | Promise<Grant> {
    const lease = this.#context.gateway.lease(ref);
    return lease === null ? this.#wake(ref) : grantOf(lease, this.#context);
  }

  async #wake(ref: InstanceRef): Promise<Grant> {
    const { gateway } = this.#context;
    this.#isWaking = !gateway.isFull(ref);
    const by = `a request from ${this.#head.from}`;
    try {
      const patience = { signal: this.#signal, by, isSafe: isSafe(this.#head) };
      return grantOf(await gateway.wake(ref, patience), this.#context);
    } catch (error) {
      const { nextServer } = this.#context;
      if (nextServer !== null) return grantOfServer(nextServer);
      const next = this.#alternative(ref, error);
      if (next === null) throw error;
      return this.#claim(next);
    }
  }

  /** Another instance of the service, after one could not be woken. */
  #alternative(ref: InstanceRef, error: unknown): InstanceRef | null {
    const target = this.#target;
    if (target.kind !== "service" || !(error instanceof TenError)) return null;
    const { code } = refusalOf(error);
    if (code !== "START_FAILED" && code !== "INSTANCE_UNAVAILABLE") return null;
    this.#passedOver.add(formatRef(ref));
    return this.#context.gateway.pick(target.service, this.#passedOver);
  }
}

function isSafe({ method, upgrade }: RequestHead): boolean {
  return (method === "GET" || method === "HEAD") && !upgrade;
}

async function grantOfServer(nextServer: Promise<Endpoint>): Promise<Grant> {
  return { destination: { endpoint: await nextServer, launch: 0 }, lease: null };
}

/** Throws when the instance has its share of all connections. */
function grantOf(lease: Lease, { limits }: ProxyContext): Grant {
  if (lease.open > limits.perInstance) {
    lease.release();
    const reason = "it has too many open connections";
    throw new TenError("QUEUE_FULL", `Cannot use "${formatRef(lease.ref)}": ${reason}`, {
      retryAfterMs: BUSY_RETRY_AFTER_MS,
    });
  }
  return { destination: { endpoint: lease.endpoint, launch: lease.launch }, lease };
}
