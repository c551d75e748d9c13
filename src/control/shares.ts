// The share that each caller of the API has of something scarce, and the reserve of administrators.
import { type Caller, callerName } from "../core/access.ts";
import { TenError } from "../core/errors.ts";

export interface ShareLimits {
  /** Of all callers together. */
  readonly all: number;
  /** Of all tenants together; the rest is left to administrators. */
  readonly ofTenants: number;
  readonly perCaller: Readonly<Record<Caller["kind"], number>>;
  /** For the refusal: "Cannot open a stream: 8 of this caller are open". */
  readonly verb: string;
  readonly state: string;
}

/**
 * Far more than operators watch at a time; each holds a buffer. A person watches a few, and no administrator's token
 * takes all.
 */
export const STREAM_SHARES: ShareLimits = {
  all: 200,
  ofTenants: 150,
  perCaller: { stranger: 0, tenant: 8, admin: 100 },
  verb: "open a stream",
  state: "open",
};

/** A search holds up to 4 MB until its answer has been read. */
export const SEARCH_SHARES: ShareLimits = {
  all: 16,
  ofTenants: 12,
  perCaller: { stranger: 0, tenant: 3, admin: 8 },
  verb: "search the logs",
  state: "in progress",
};

const RETRY_AFTER_MS = 1000;

export class Shares {
  readonly #limits: ShareLimits;
  readonly #holders = new Map<symbol, Caller>();

  constructor(limits: ShareLimits) {
    this.#limits = limits;
  }

  /** The returned function gives the place back; calling it again does nothing. Throws RATE_LIMITED. */
  take(caller: Caller): () => void {
    this.refuseSurplus(caller);
    const place = Symbol();
    this.#holders.set(place, caller);
    return () => this.#holders.delete(place);
  }

  /** Throws RATE_LIMITED where `take` would. */
  refuseSurplus(caller: Caller): void {
    const { all, ofTenants, perCaller, verb, state } = this.#limits;
    const holders = [...this.#holders.values()];
    const own = holders.filter((holder) => callerName(holder) === callerName(caller)).length;
    const tenants = holders.filter(({ kind }) => kind === "tenant").length;
    const refuse = (reason: string): never => {
      const retryAfterMs = RETRY_AFTER_MS;
      throw new TenError("RATE_LIMITED", `Cannot ${verb}: ${reason} are ${state}`, {
        retryAfterMs,
      });
    };
    if (own >= perCaller[caller.kind]) refuse(`${own} of this caller`);
    if (holders.length >= all) refuse(`${all}`);
    if (caller.kind === "tenant" && tenants >= ofTenants) refuse(`${tenants} of tenants`);
  }
}
