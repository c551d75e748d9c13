// Finds a process for a request, wakes one where none runs, and decides whether a failed request is tried again.
import { unreachable } from "../../core/assert.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { TenError } from "../../core/errors.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Target } from "../../core/routing.ts";
import type { Service } from "../../core/service.ts";
import type { Lease } from "../../supervisor/gateway.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Destination } from "../upstream/pool.ts";
import type { ProxyContext } from "./proxy-context.ts";

/** Where a request may go; without a lease to the API and to the next server, which are no tenants. */
export interface Grant {
  readonly destination: Destination;
  readonly lease: Lease | null;
}

/** Needs no decision here: the next server makes it. */
const NEXT_SERVER: Target = { kind: "control" };

/** RFC 9110, 9.2.2: the methods that a proxy may repeat. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** The request may be sent again although the tenant may have had it: it is idempotent, and no body has been read. */
function isRepeatable({ method, framing }: RequestHead): boolean {
  return IDEMPOTENT.has(method) && framing.kind === "none";
}

/** A request that can't be repeated only uses a connection that the tenant is unlikely to be closing. */
const RECENT_MS_MAX = 1000;

type Found = Grant | Promise<Grant> | null;

export class Seeker {
  readonly #head: RequestHead;
  readonly #context: ProxyContext;
  readonly #target: Target;
  readonly #passedOver = new Set<RefKey>();
  #abort: AbortController | null = null;
  #attempts: "first" | "another" | "last" = "first";

  constructor(head: RequestHead, context: ProxyContext) {
    const { host, path } = head;
    this.#head = head;
    this.#context = context;
    this.#target =
      context.nextServer === null ? context.gateway.decide({ host, path }) : NEXT_SERVER;
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

  /** How long the connection that this attempt uses may have been idle. */
  get idleMsMax(): number {
    if (this.#attempts !== "first") return 0;
    return isRepeatable(this.#head) ? Number.POSITIVE_INFINITY : RECENT_MS_MAX;
  }

  /**
   * After a connection that failed before any byte of an answer; its lease is released already. Null: no more attempts.
   * An instance gets one more, a service as many as it has other instances that refuse.
   */
  seekAgain(failed: InstanceRef | null, kind: "refused" | "broken"): Found {
    const { gateway, nextServer } = this.#context;
    const target = this.#target;
    if (kind === "broken" && !isRepeatable(this.#head)) return null;
    const isTenant = failed !== null && nextServer === null;
    if (target.kind === "service" && isTenant && kind === "refused") {
      this.#attempts = "another";
      this.#passedOver.add(formatRef(failed));
      const next = gateway.pick(target.service, this.#passedOver);
      return next === null ? null : this.#claim(next);
    }
    if (this.#attempts === "last") return null;
    this.#attempts = "last";
    return isTenant ? this.#wake(failed) : this.seek();
  }

  /** The client has left or been answered: a process is no longer needed. */
  cancel(): void {
    this.#abort?.abort();
  }

  #pick(service: string): InstanceRef {
    const ref = this.#context.gateway.pick(service, this.#passedOver);
    if (ref !== null) return ref;
    throw new TenError(
      "INSTANCE_UNAVAILABLE",
      `Cannot serve "${service}": none of its instances takes requests`,
    );
  }

  #claim(ref: InstanceRef): Grant | Promise<Grant> {
    const lease = this.#context.gateway.lease(ref);
    return lease === null ? this.#wake(ref) : grantOf(lease);
  }

  async #wake(ref: InstanceRef): Promise<Grant> {
    this.#abort ??= new AbortController();
    const { signal } = this.#abort;
    const { gateway } = this.#context;
    const by = `request from ${this.#head.from}`;
    try {
      return grantOf(await gateway.wake(ref, { signal, by }));
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
    if (error.code !== "START_FAILED" && error.code !== "INSTANCE_UNAVAILABLE") return null;
    this.#passedOver.add(formatRef(ref));
    return this.#context.gateway.pick(target.service, this.#passedOver);
  }
}

async function grantOfServer(nextServer: Promise<Endpoint>): Promise<Grant> {
  return { destination: { endpoint: await nextServer, launch: 0 }, lease: null };
}

function grantOf(lease: Lease): Grant {
  return { destination: { endpoint: lease.endpoint, launch: lease.launch }, lease };
}
