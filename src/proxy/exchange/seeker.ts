// Finds a process for a request: at once where one runs, by waking where none does. Holds the rule for second attempts.
import { unreachable } from "../../core/assert.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { TenError } from "../../core/errors.ts";
import { formatRef, type InstanceRef, type RefKey } from "../../core/ref.ts";
import type { Target } from "../../core/routing.ts";
import type { Lease } from "../../supervisor/gateway.ts";
import { refusalOf } from "../http/refusal.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Destination } from "../upstream/pool.ts";
import type { ProxyContext } from "./proxy-context.ts";

/** Where a request may go. The API, or the server that has taken over, is no tenant and needs no lease. */
export interface Grant {
  readonly destination: Destination;
  readonly lease: Lease | null;
}

/** The target of a request that another server decides about. */
export const ELSEWHERE: SeekerOptions["target"] = { kind: "control" };

export interface SeekerOptions {
  readonly target: Exclude<Target, { kind: "unknown" }>;
  readonly context: Pick<ProxyContext, "gateway" | "control" | "nextServer">;
  readonly head: RequestHead;
}

/** RFC 9110, 9.2.2: what a proxy may send twice without asking. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/**
 * True for a request that may be sent again although the tenant may have had it: twice is as once, and it is at hand.
 */
function isRepeatable({ method, framing }: RequestHead): boolean {
  return IDEMPOTENT.has(method) && framing.kind === "none";
}

/** A request without a second chance only uses a connection that the tenant is not about to end. */
const LIVELY_MS_MAX = 1000;

export class Seeker {
  readonly #options: SeekerOptions;
  readonly #passedOver = new Set<RefKey>();
  #abort: AbortController | null = null;
  #attempts: "first" | "another" | "last" = "first";

  constructor(options: SeekerOptions) {
    this.#options = options;
  }

  /** At once when the process runs. Throws or rejects with a TenError as `Gateway.wake` does. */
  seek(): Grant | Promise<Grant> {
    const { target, context } = this.#options;
    if (context.nextServer !== null) return grantOfServer(context.nextServer);
    switch (target.kind) {
      case "control":
        return { destination: { endpoint: context.control, launch: 0 }, lease: null };
      case "instance":
        return this.#claim(target.ref);
      case "service":
        return this.#claim(this.#pick(target.service));
      default:
        return unreachable(target);
    }
  }

  /** How long a connection may have rested that this attempt dares to use. */
  get restMsMax(): number {
    if (this.#attempts !== "first") return 0;
    return isRepeatable(this.#options.head) ? Number.POSITIVE_INFINITY : LIVELY_MS_MAX;
  }

  /**
   * After a connection that failed before any byte of an answer; its lease is released already. Null: no more chances.
   * An instance gets one more, a service as many as it has other instances that refuse.
   */
  seekAgain(failed: InstanceRef | null, kind: "refused" | "broken"): Grant | Promise<Grant> | null {
    const { target, context, head } = this.#options;
    const { gateway, nextServer } = context;
    if (kind === "broken" && !isRepeatable(head)) return null;
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

  /** The client left or was answered otherwise: nobody waits any more. */
  cancel(): void {
    this.#abort?.abort();
  }

  #pick(service: string): InstanceRef {
    const ref = this.#options.context.gateway.pick(service, this.#passedOver);
    if (ref !== null) return ref;
    throw new TenError(
      "INSTANCE_UNAVAILABLE",
      `Cannot serve "${service}": none of its instances takes requests`,
    );
  }

  #claim(ref: InstanceRef): Grant | Promise<Grant> {
    const lease = this.#options.context.gateway.lease(ref);
    return lease === null ? this.#wake(ref) : grantOf(lease);
  }

  async #wake(ref: InstanceRef): Promise<Grant> {
    this.#abort ??= new AbortController();
    const { signal } = this.#abort;
    const { context, head } = this.#options;
    try {
      return grantOf(await context.gateway.wake(ref, { signal, by: `request from ${head.from}` }));
    } catch (error) {
      if (context.nextServer !== null) return grantOfServer(context.nextServer);
      const next = this.#instead(ref, error);
      if (next === null) throw error;
      return this.#claim(next);
    }
  }

  /** Whom a service asks after one of its instances could not be woken. */
  #instead(ref: InstanceRef, error: unknown): InstanceRef | null {
    const { target, context } = this.#options;
    if (target.kind !== "service" || !(error instanceof TenError)) return null;
    const { code } = refusalOf(error);
    if (code !== "START_FAILED" && code !== "INSTANCE_UNAVAILABLE") return null;
    this.#passedOver.add(formatRef(ref));
    return context.gateway.pick(target.service, this.#passedOver);
  }
}

async function grantOfServer(nextServer: Promise<Endpoint>): Promise<Grant> {
  return { destination: { endpoint: await nextServer, launch: 0 }, lease: null };
}

function grantOf(lease: Lease): Grant {
  return { destination: { endpoint: lease.endpoint, launch: lease.launch }, lease };
}
