// From a request to its caller: tokens, the limit on failed attempts, and requests that other sites sent.
import type { Caller } from "../core/access.ts";
import { TenError } from "../core/errors.ts";
import type { TokenTable } from "../database/tokens.ts";
import type { Clock } from "../platform/clock.ts";

const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;

/** Addresses remembered; a flood from more of them pushes out the oldest, and costs about a megabyte. */
const ADDRESSES_MAX = 10_000;

/** Who may come in at a socket: its owner's own programs, or whoever has a token. */
export type Door = "owner" | "token";

interface Failures {
  count: number;
  readonly endsAt: number;
}

export class Authenticator {
  readonly #tokens: TokenTable;
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor({ tokens, clock }: { tokens: TokenTable; clock: Clock }) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** Who sent the request; throws RATE_LIMITED after too many wrong tokens, UNAUTHENTICATED for a wrong one. */
  identify(request: Request, door: Door): Caller {
    if (door === "owner") return { kind: "admin", name: "socket" };
    const token = bearerOf(request);
    if (token === null) return { kind: "stranger" };
    const address = addressBlock(callerAddress(request));
    this.#refuseFlood(address);
    const row = this.#tokens.verify(token);
    if (row === null) {
      this.#count(address);
      throw new TenError("UNAUTHENTICATED", "Cannot let you in: the token is not valid", {
        hint: "Make one on the server with ten token-gen",
      });
    }
    const name = `token ${row.id}`;
    return row.tenant === null ? { kind: "admin", name } : { kind: "tenant", name, id: row.tenant };
  }

  #refuseFlood(address: string): void {
    const failures = this.#failures.get(address);
    if (failures === undefined || failures.count < FAILURES_MAX) return;
    const retryAfterMs = failures.endsAt - this.#clock.now();
    if (retryAfterMs <= 0) return;
    throw new TenError(
      "RATE_LIMITED",
      "Cannot check the token: too many wrong ones came from here",
      {
        hint: "Wait a minute",
        retryAfterMs,
      },
    );
  }

  #count(address: string): void {
    const now = this.#clock.now();
    const known = this.#failures.get(address);
    if (known !== undefined && known.endsAt > now) {
      known.count += 1;
      return;
    }
    // Deleted first, so that the map stays in the order in which windows end.
    this.#failures.delete(address);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= ADDRESSES_MAX && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(address, { count: 1, endsAt: now + WINDOW_MS });
  }
}

function bearerOf(request: Request): string | null {
  return /^bearer +(\S+) *$/i.exec(request.headers.get("Authorization") ?? "")?.[1] ?? null;
}

/** The last element is the proxy's own; what stands before it is the client's word. */
function callerAddress(request: Request): string {
  return (request.headers.get("X-Forwarded-For") ?? "").split(",").at(-1)?.trim() ?? "";
}

/** An IPv4 address as it is, of an IPv6 address the /64 that one subscriber has all to himself. */
function addressBlock(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const left = head.split(":").filter(Boolean);
  const right = (tail ?? "").split(":").filter(Boolean);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

/**
 * Throws FORBIDDEN for a change that another site's page asks for. Tenants' pages are such sites, although a
 * browser counts them as the same site.
 */
export function refuseCrossSite(request: Request): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const site = request.headers.get("Sec-Fetch-Site") ?? "none";
  const origin = request.headers.get("Origin");
  const isOwn = origin === null || hostOf(origin) === request.headers.get("Host")?.toLowerCase();
  if (isOwn && (site === "same-origin" || site === "none")) return;
  throw new TenError("FORBIDDEN", "Cannot do that: the request comes from another site");
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
