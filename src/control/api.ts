// The control API on its two sockets: routes each request, decides whether its caller may, and turns whatever
// goes wrong into an answer.
import { SQLiteError } from "bun:sqlite";
import { type Caller, decideAccess } from "../core/access.ts";
import { unreachable } from "../core/assert.ts";
import { messageOf, TenError } from "../core/errors.ts";
import { formatRef, parseRef } from "../core/ref.ts";
import type { Clock } from "../platform/clock.ts";
import { answerError, answerFault, renderAnswer } from "./answer.ts";
import { Authenticator, type Door, refuseCrossSite } from "./auth.ts";
import { type AuthorizedRequest, Call, record } from "./call.ts";
import type { ControlWorld } from "./control-world.ts";
import { EventStreams } from "./event-stream.ts";
import { relay } from "./relay.ts";
import { readBody, readQuery, urlOf } from "./request.ts";
import { matchRoute, type Route } from "./routes/route.ts";
import { ROUTES } from "./routes/routes.ts";
import { serveSocket } from "./sockets.ts";

/** Whoever may open it is the administrator. */
const ADMIN_SOCKET = "tenement.sock";
/** For the proxy, which forwards strangers' requests to it: asks for a token. */
const INNER_SOCKET = ".inner.sock";

/** What closing waits for answers under way before it cuts them: orders may take as long as an application stops. */
const CLOSE_PATIENCE_MS = 1000;

/**
 * What orders under way may still take before another server takes over: most applications stop and start within it.
 */
const ORDERS_MS_MAX = 10_000;

export interface ControlOptions extends Omit<ControlWorld, "streams"> {
  readonly dataDir: string;
  /** Is told of faults that nobody foresaw. */
  readonly report?: (thrown: unknown) => void;
}

export interface ControlApi {
  /** Paths of the sockets. */
  readonly adminSocket: string;
  readonly innerSocket: string;
  /**
   * Ends event streams; requests that come wait for another server and go there. Resolves when the answers under way
   * are out,
   * but for that to the request which asks for this; at the latest after 10 s.
   * @param next resolves when it serves
   */
  forwardTo(next: Promise<unknown>): Promise<void>;
  /** Ends event streams, waits a moment for answers under way, and closes both sockets. */
  close(): Promise<void>;
}

/** Opens the control API. Throws LISTEN_FAILED. */
export function openControlApi(options: ControlOptions): ControlApi {
  const { dataDir, clock, report = console.error } = options;
  const streams = new EventStreams(clock);
  const dispatcher = new Dispatcher({ ...options, streams }, report);
  const adminSocket = `${dataDir}/${ADMIN_SOCKET}`;
  const innerSocket = `${dataDir}/${INNER_SOCKET}`;
  const sockets = [
    serveSocket(innerSocket, (request) =>
      dispatcher.answer(request, { door: "token", path: innerSocket }),
    ),
    serveSocket(adminSocket, (request) =>
      dispatcher.answer(request, { door: "owner", path: adminSocket }),
    ),
  ];
  return {
    adminSocket,
    innerSocket,
    forwardTo(next) {
      streams.endAll();
      return dispatcher.forwardTo(next, clock);
    },
    async close() {
      streams.endAll();
      const { promise, resolve } = Promise.withResolvers<void>();
      const cancel = clock.after(CLOSE_PATIENCE_MS, resolve);
      for (const socket of sockets) socket.leave();
      await Promise.race([Promise.all(sockets.map(({ listener }) => listener.stop())), promise]);
      cancel();
      await Promise.all(sockets.map(({ listener }) => listener.stop(true)));
    },
  };
}

interface Arrival {
  readonly request: Request;
  readonly url: URL;
  readonly door: Door;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

class Dispatcher {
  readonly #world: ControlWorld;
  readonly #authenticator: Authenticator;
  readonly #report: (thrown: unknown) => void;
  #underWay = 0;
  #settled: () => void = () => undefined;
  #next: Promise<unknown> | null = null;
  /** Ends the waiting of requests that are being handled. */
  readonly #unanswered = new Set<(error: TenError) => void>();

  constructor(world: ControlWorld, report: (thrown: unknown) => void) {
    this.#world = world;
    this.#authenticator = new Authenticator(world);
    this.#report = report;
  }

  /** Never rejects. @param path of the socket that the request came to */
  async answer(request: Request, { door, path }: { door: Door; path: string }): Promise<Response> {
    this.#underWay += 1;
    try {
      if (this.#next === null) return await this.#route(request, door);
      await this.#next;
      return await relay(request, path);
    } catch (thrown) {
      const error = toTenError(thrown);
      if (error !== null) return answerError(error);
      this.#report(thrown);
      return answerFault();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay <= 1) this.#settled();
    }
  }

  async forwardTo(next: Promise<unknown>, clock: Clock): Promise<void> {
    this.#next = next;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settled = resolve;
    if (this.#underWay <= 1) resolve();
    const cancel = clock.after(ORDERS_MS_MAX, () => {
      for (const reject of this.#unanswered) reject(unfinished());
      resolve();
    });
    await promise;
    cancel();
  }

  async #route(request: Request, door: Door): Promise<Response> {
    const url = urlOf(request);
    const match = matchRoute(ROUTES, { method: request.method, path: url.pathname });
    switch (match.kind) {
      case "unknown":
        throw new TenError("NOT_FOUND", `Cannot find "${url.pathname}": there is no such path`);
      case "wrongMethod":
        return answerWrongMethod(request.method, match.allowed);
      case "found":
        return await this.#perform({ request, url, door, ...match });
      default:
        return unreachable(match);
    }
  }

  async #perform({ request, url, door, route, params }: Arrival): Promise<Response> {
    refuseCrossSite(request);
    const action =
      typeof route.action === "function" ? route.action(url.searchParams) : route.action;
    const caller = action === null ? STRANGER : this.#authenticator.identify(request, door);
    const ref = params["ref"] === undefined ? null : parseRef(decode(params["ref"]));
    const authorized: AuthorizedRequest = { world: this.#world, caller, action, params, ref };
    authorize(authorized, { isChange: route.method !== "GET" });
    const query = readQuery(url.searchParams, route.query);
    const body = route.method === "GET" ? {} : await readBody(request, route.body);
    const result = Promise.resolve(route.handle(new Call(authorized, { query, body })));
    // Whoever asks for another server waits for it; all others are answered before.
    const isAwaited = action === "restart-server";
    return renderAnswer(route.answer, await (isAwaited ? result : this.#unlessCutOff(result)));
  }

  async #unlessCutOff<Result>(result: Promise<Result>): Promise<Result> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#unanswered.add(reject);
    try {
      return await Promise.race([result, promise]);
    } finally {
      this.#unanswered.delete(reject);
    }
  }
}

function unfinished(): TenError {
  return new TenError("INSTANCE_UNAVAILABLE", "Cannot tell how this ends: another server follows", {
    hint: "See how things stand with ten ps",
    retryAfterMs: 1000,
  });
}

/** Throws UNAUTHENTICATED or FORBIDDEN; changes that are refused to somebody known go on record. */
function authorize(request: AuthorizedRequest, { isChange }: { isChange: boolean }): void {
  const { caller, action, ref } = request;
  if (action === null) return;
  const access = decideAccess(caller, action, ref);
  switch (access.kind) {
    case "allowed":
      return;
    case "unauthenticated":
      throw new TenError("UNAUTHENTICATED", "Cannot let you in: a token is needed", {
        hint: "Make one on the server with ten token-gen",
      });
    case "forbidden":
      if (isChange) {
        record(request, { subject: ref === null ? "-" : formatRef(ref), outcome: "FORBIDDEN" });
      }
      throw new TenError("FORBIDDEN", `Cannot do that: ${access.reason}`);
    default:
      unreachable(access);
  }
}

const STRANGER: Caller = { kind: "stranger" };

function answerWrongMethod(method: string, allowed: readonly string[]): Response {
  const message = `Cannot ${method} this path: it takes ${allowed.join(", ")}`;
  const response = answerError(new TenError("METHOD_UNKNOWN", message));
  response.headers.set("Allow", allowed.join(", "));
  return response;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new TenError("REF_INVALID", `Cannot read "${segment}": expected SERVICE:ID`, { cause });
  }
}

/** Null: a bug. */
function toTenError(thrown: unknown): TenError | null {
  if (thrown instanceof TenError) return thrown;
  if (!(thrown instanceof SQLiteError)) return null;
  return new TenError("STORAGE_FAILED", `Cannot use the database: ${messageOf(thrown)}`, {
    cause: thrown,
  });
}
