// The control API on its two sockets: routes and authorizes each request, and turns errors into answers.
import { SQLiteError } from "bun:sqlite";
import { type Caller, decideAccess } from "../core/access.ts";
import { unreachable } from "../core/assert.ts";
import { messageOf, TenError } from "../core/errors.ts";
import { formatRef, parseRef } from "../core/ref.ts";
import type { Clock } from "../platform/clock.ts";
import { answerError, answerFault, renderAnswer } from "./answer.ts";
import { Authenticator, type AuthMethod, refuseCrossSite, refuseProxied } from "./auth.ts";
import { type AuthorizedRequest, Call, record } from "./call.ts";
import type { ControlWorld } from "./control-world.ts";
import { EventStreams } from "./event-stream.ts";
import { relay } from "./relay.ts";
import { readBody, readQuery, urlOf } from "./request.ts";
import { matchRoute, type Route } from "./routes/route.ts";
import { ROUTES } from "./routes/routes.ts";
import { SEARCH_SHARES, Shares } from "./shares.ts";
import { type Reply, serveSocket, type Upgrade } from "./sockets.ts";
import type { SocketSession } from "./wire/operation.ts";

/** File permissions protect it: a program that can open it is the administrator's, unless it is a proxy. */
const ADMIN_SOCKET = "tenement.sock";
/** The proxy forwards requests from outside to it; they need a token. */
const INNER_SOCKET = ".inner.sock";

/** Closing cuts answers that take longer: an order may take as long as an application stops. */
const CLOSE_PATIENCE_MS = 1000;

/** A handover cuts orders that take longer; most applications stop and start within it. */
const HANDOVER_PATIENCE_MS = 10_000;

export interface ControlOptions extends Omit<ControlWorld, "report" | "streams" | "searches"> {
  readonly dataDir: string;
  /** Receives unexpected errors. */
  readonly report?: (thrown: unknown) => void;
}

export interface ControlApi {
  /** Path. */
  readonly adminSocket: string;
  /** Path. */
  readonly innerSocket: string;
  /**
   * Ends event streams; new requests wait for the next server and are relayed to it. Resolves when all requests in
   * progress are answered but the one that asked for the handover, and after 10 s at the latest.
   * @param next resolves when the next server serves
   */
  forwardTo(next: Promise<unknown>): Promise<void>;
  /** Ends event streams, waits a moment for requests in progress, and closes both sockets. */
  close(): Promise<void>;
}

/** Opens the control API. Throws LISTEN_FAILED. */
export function openControlApi(options: ControlOptions): ControlApi {
  const { dataDir, clock, report = console.error } = options;
  const streams = new EventStreams(clock);
  const searches = new Shares(SEARCH_SHARES);
  const dispatcher = new Dispatcher({ ...options, report, streams, searches }, report);
  const adminSocket = `${dataDir}/${ADMIN_SOCKET}`;
  const innerSocket = `${dataDir}/${INNER_SOCKET}`;
  const sockets = [
    serveSocket(innerSocket, (request, upgrade) =>
      dispatcher.answer(request, { auth: "token", path: innerSocket, upgrade }),
    ),
    serveSocket(adminSocket, (request, upgrade) =>
      dispatcher.answer(request, { auth: "owner", path: adminSocket, upgrade }),
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

/** How a request came in. */
interface Arrival {
  readonly auth: AuthMethod;
  /** Of the socket. */
  readonly path: string;
  readonly upgrade: Upgrade;
}

interface MatchedRequest {
  readonly request: Request;
  readonly url: URL;
  readonly auth: AuthMethod;
  readonly upgrade: Upgrade;
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

class Dispatcher {
  readonly #world: ControlWorld;
  readonly #authenticator: Authenticator;
  readonly #report: (thrown: unknown) => void;
  #inProgress = 0;
  #onSettled: () => void = () => undefined;
  #next: Promise<unknown> | null = null;
  /** Reject the requests that are being handled. */
  readonly #cutOffs = new Set<(error: TenError) => void>();

  constructor(world: ControlWorld, report: (thrown: unknown) => void) {
    this.#world = world;
    this.#authenticator = new Authenticator(world);
    this.#report = report;
  }

  /** Never rejects. @param path of the socket that received the request */
  async answer(request: Request, { auth, path, upgrade }: Arrival): Promise<Reply> {
    this.#inProgress += 1;
    try {
      if (this.#next === null) return await this.#route(request, { auth, upgrade });
      await this.#next;
      if (request.headers.has("Upgrade")) throw replaced();
      return await relay(request, path);
    } catch (thrown) {
      const error = toTenError(thrown);
      if (error !== null) return answerError(error);
      this.#report(thrown);
      return answerFault();
    } finally {
      this.#inProgress -= 1;
      if (this.#inProgress <= 1) this.#onSettled();
    }
  }

  async forwardTo(next: Promise<unknown>, clock: Clock): Promise<void> {
    this.#next = next;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled = resolve;
    if (this.#inProgress <= 1) resolve();
    const cancel = clock.after(HANDOVER_PATIENCE_MS, () => {
      for (const reject of this.#cutOffs) reject(outcomeUnknown());
      resolve();
    });
    await promise;
    cancel();
  }

  async #route(request: Request, { auth, upgrade }: Omit<Arrival, "path">): Promise<Reply> {
    if (auth === "owner") refuseProxied(request);
    const url = urlOf(request);
    const match = matchRoute(ROUTES, { method: request.method, path: url.pathname });
    switch (match.kind) {
      case "unknown":
        throw new TenError("NOT_FOUND", `Cannot find "${url.pathname}": there is no such path`);
      case "wrongMethod":
        return answerWrongMethod(request.method, match.allowed);
      case "found":
        return await this.#perform({ request, url, auth, upgrade, ...match });
      default:
        return unreachable(match);
    }
  }

  async #perform(matched: MatchedRequest): Promise<Reply> {
    const { request, url, auth, route, params, upgrade } = matched;
    refuseCrossSite(request);
    const action =
      typeof route.action === "function" ? route.action(url.searchParams) : route.action;
    const caller = action === null ? STRANGER : this.#authenticator.identify(request, auth);
    const ref = params["ref"] === undefined ? null : parseRef(decode(params["ref"]));
    const authorized: AuthorizedRequest = { world: this.#world, caller, action, params, ref };
    authorize(authorized, { isChange: route.method !== "GET" || route.answer.kind === "socket" });
    const query = readQuery(url.searchParams, route.query);
    const body = route.method === "GET" ? {} : await readBody(request, route.body);
    const result = Promise.resolve(route.handle(new Call(authorized, { query, body })));
    // The request for a handover is answered after it, all others before.
    const isAwaited = action === "restart-server";
    const found = await (isAwaited ? result : this.#unlessCutOff(result));
    if (route.answer.kind !== "socket") return renderAnswer(route.answer, found);
    if (upgrade(found as SocketSession)) return undefined;
    throw new TenError("UPGRADE_REQUIRED", "Cannot answer: this path takes WebSockets only");
  }

  async #unlessCutOff<Result>(result: Promise<Result>): Promise<Result> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#cutOffs.add(reject);
    try {
      return await Promise.race([result, promise]);
    } finally {
      this.#cutOffs.delete(reject);
    }
  }
}

function replaced(): TenError {
  return new TenError("INSTANCE_UNAVAILABLE", "Cannot begin: the server has just been replaced", {
    hint: "Try again",
    retryAfterMs: 1000,
  });
}

function outcomeUnknown(): TenError {
  return new TenError(
    "INSTANCE_UNAVAILABLE",
    "Cannot report the outcome: the server is being replaced",
    {
      hint: "See the present state with ten ps",
      retryAfterMs: 1000,
    },
  );
}

/** Throws UNAUTHENTICATED or FORBIDDEN; records a forbidden change in the audit trail. */
function authorize(request: AuthorizedRequest, { isChange }: { isChange: boolean }): void {
  const { caller, action, ref } = request;
  if (action === null) return;
  const access = decideAccess(caller, action, ref);
  switch (access.kind) {
    case "allowed":
      return;
    case "unauthenticated":
      throw new TenError("UNAUTHENTICATED", "Cannot authenticate: a token is needed", {
        hint: "Create one on the server with ten token-gen",
      });
    case "forbidden":
      if (isChange) {
        const subject = ref === null ? "-" : formatRef(ref);
        record(request, { subject, outcome: "FORBIDDEN", budget: "refused" });
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

/** Null: the error is a bug. */
function toTenError(thrown: unknown): TenError | null {
  if (thrown instanceof TenError) return thrown;
  if (!(thrown instanceof SQLiteError)) return null;
  return new TenError("STORAGE_FAILED", `Cannot use the database: ${messageOf(thrown)}`, {
    cause: thrown,
  });
}
