// Authenticates requests: tokens, the limit on failed attempts, and the refusal of cross-site requests.
import { type Caller, CLIENT_HEADER } from "../core/access.ts";
import { TenError } from "../core/errors.ts";
import type { AuditTable } from "../database/audit.ts";
import type { TokenTable } from "../database/tokens.ts";
import type { Clock } from "../platform/clock.ts";

const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;

/** Addresses with failures; more of them evict the oldest. At most about a megabyte. */
const ADDRESSES_MAX = 10_000;

/** A socket's means of authentication: the permissions of its file, or a token. */
export type AuthMethod = "owner" | "token";

interface Failures {
  count: number;
  readonly endsAt: number;
}

interface AuthenticatorParts {
  readonly tokens: TokenTable;
  /** Receives the failed attempts that are not limited yet. */
  readonly audit: AuditTable;
  readonly clock: Clock;
}

export class Authenticator {
  readonly #tokens: TokenTable;
  readonly #audit: AuditTable;
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor({ tokens, audit, clock }: AuthenticatorParts) {
    this.#tokens = tokens;
    this.#audit = audit;
    this.#clock = clock;
  }

  /** The caller. Throws UNAUTHENTICATED for a wrong token, RATE_LIMITED after too many from one address. */
  identify(request: Request, method: AuthMethod): Caller {
    if (method === "owner") return { kind: "admin", name: "socket" };
    const token = bearerOf(request);
    if (token === null) return { kind: "stranger" };
    const row = this.#tokens.verify(token);
    if (row === null) return this.#refuse(request.headers.get(CLIENT_HEADER) ?? "");
    const name = `token ${row.id}`;
    return row.tenant === null ? { kind: "admin", name } : { kind: "tenant", name, id: row.tenant };
  }

  /** Strangers who share an address with others can only have wrong tokens refused sooner, never right ones. */
  #refuse(address: string): never {
    this.#refuseFlood(address);
    this.#recordFailure(address);
    throw new TenError("UNAUTHENTICATED", "Cannot authenticate: the token is not valid", {
      hint: "Create one on the server with ten token-gen",
    });
  }

  #refuseFlood(address: string): void {
    const failures = this.#failures.get(address);
    if (failures === undefined || failures.count < FAILURES_MAX) return;
    const retryAfterMs = failures.endsAt - this.#clock.now();
    if (retryAfterMs <= 0) return;
    throw new TenError(
      "RATE_LIMITED",
      "Cannot authenticate: the token is not valid, as many before it from this address",
      {
        hint: "Wait a minute",
        retryAfterMs,
      },
    );
  }

  #recordFailure(address: string): void {
    this.#count(address);
    const at = this.#clock.wall();
    const entry = { at, actor: "stranger", action: "authenticate", subject: address };
    this.#audit.record({ ...entry, outcome: "UNAUTHENTICATED" }, "refused");
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

/**
 * Throws FORBIDDEN for a change that a page of another site requests. Tenants' pages are other sites, although a
 * browser counts them as the same site.
 */
export function refuseCrossSite(request: Request): void {
  if (request.method === "GET" || request.method === "HEAD") return;
  const site = request.headers.get("Sec-Fetch-Site") ?? "none";
  const origin = request.headers.get("Origin");
  const isSameHost =
    origin === null || hostOf(origin) === request.headers.get("Host")?.toLowerCase();
  if (isSameHost && (site === "same-origin" || site === "none")) return;
  throw new TenError("FORBIDDEN", "Cannot do that: the request comes from another site");
}

/** Headers of proxies, beside all that begin with `X-Forwarded-` (RFC 7239, RFC 9110 7.6.3). */
const PROXY_HEADERS: ReadonlySet<string> = new Set(["forwarded", "via"]);

/** Throws FORBIDDEN for a request of a proxy, whose client the permissions of a socket's file do not check. */
export function refuseProxied(request: Request): void {
  const header = [...request.headers.keys()].find(
    (name) => PROXY_HEADERS.has(name) || name.startsWith("x-forwarded-"),
  );
  if (header === undefined) return;
  throw new TenError(
    "FORBIDDEN",
    `Cannot do that: the request comes through a proxy, as its ${header} header says`,
    { hint: "Let the proxy use the public address, with a token of ten token-gen" },
  );
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
