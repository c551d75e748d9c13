// Typed calls of the API's operations, and its two streams of events.
import type { z } from "zod";
import { TenError } from "../../core/errors.ts";
import type { RolloutEvent, RolloutFields } from "../wire/deploys.ts";
import { endpointOf, type OperationName, type ParamsOf } from "../wire/endpoints.ts";
import type { LogAnswer, LogQueryFields } from "../wire/logs.ts";
import type { SocketSession } from "../wire/operation.ts";
import type { AnswerOf, BodyOf, QueryOf } from "../wire/operations.ts";
import { readEvents } from "./event-reader.ts";
import { followLines, type LogEvent } from "./log-follower.ts";
import { type ServerAddress, send } from "./transport.ts";

/** The inputs of an operation, as they are sent: `params` for the path, `query` and `body`. */
export type RequestOf<Name extends OperationName> = ([keyof ParamsOf<Name>] extends [never]
  ? unknown
  : { readonly params: ParamsOf<Name> }) &
  (QueryOf<Name> extends infer Query extends z.ZodType
    ? { readonly query?: Readonly<z.input<Query>> }
    : unknown) &
  (BodyOf<Name> extends infer Body extends z.ZodType
    ? { readonly body: Readonly<z.input<Body>> }
    : unknown);

/** The request may be left out where nothing in it is required. */
type Arguments<Name extends OperationName> =
  Record<never, never> extends RequestOf<Name>
    ? [request?: RequestOf<Name>]
    : [request: RequestOf<Name>];

/** Operations that answer with JSON or without a body. */
type CallName = {
  [Name in OperationName]: AnswerOf<Name> extends Response | SocketSession ? never : Name;
}[OperationName];

/** A request of any operation. */
interface AnyRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/** Every call throws the server's refusal, or SERVER_UNREACHABLE. */
export class Client {
  readonly #server: ServerAddress;

  constructor(server: ServerAddress) {
    this.#server = server;
  }

  async call<Name extends CallName>(
    name: Name,
    ...[request]: Arguments<Name>
  ): Promise<AnswerOf<Name>> {
    const response = await this.#send(name, (request ?? {}) as AnyRequest);
    return (response.status === 204 ? undefined : await response.json()) as AnswerOf<Name>;
  }

  /** The newest lines that match, newest last: of as many answers as the server divides them into. */
  async searchLogs(query: LogQueryFields): Promise<LogAnswer[]> {
    const pages: LogAnswer[][] = [];
    let next: Readonly<Record<string, string | undefined>> | null = query;
    while (next !== null) {
      const response = await this.#send("searchLogs", { query: next });
      pages.push((await response.json()) as LogAnswer[]);
      next = nextQueryOf(response);
    }
    return pages.reverse().flat();
  }

  /** Ends after the event "done"; throws SERVER_UNREACHABLE when the server goes away earlier. */
  async *rollout(body: RolloutFields): AsyncGenerator<RolloutEvent, void> {
    const response = await this.#send("rollout", { body });
    try {
      for await (const { event: type, data } of readEvents(response.body)) {
        // The server has dropped steps: the outcome still comes.
        if (type === "dropped") continue;
        const event = JSON.parse(data) as RolloutEvent;
        yield event;
        if (event.kind === "done") return;
      }
    } catch (cause) {
      throw abandonedRollout(body.process, cause);
    }
    throw abandonedRollout(body.process);
  }

  /**
   * Ends when `signal` is aborted; a handover of the server does not interrupt it. Throws SERVER_UNREACHABLE when there
   * is no server.
   */
  followLogs(query: LogQueryFields, signal: AbortSignal): AsyncGenerator<LogEvent, void> {
    const open = (wanted: LogQueryFields) => this.#send("followLogs", { query: wanted }, signal);
    return followLines({ open, query, signal });
  }

  #send(
    name: OperationName,
    { params = {}, query, body }: AnyRequest,
    signal?: AbortSignal,
  ): Promise<Response> {
    const { method, path } = endpointOf(name);
    return send(this.#server, { method, path: fillPath(path, params), query, body, signal });
  }
}

/** Null: the answer is complete. */
function nextQueryOf({ headers }: Response): Readonly<Record<string, string>> | null {
  const target = /<[^>?]*\?([^>]*)>; rel="next"/.exec(headers.get("Link") ?? "")?.[1];
  return target === undefined ? null : Object.fromEntries(new URLSearchParams(target));
}

function fillPath(path: string, params: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
}

function abandonedRollout(service: string, cause?: unknown): TenError {
  const message = `Cannot follow the rollout of "${service}" to its end: the server went away`;
  return new TenError("SERVER_UNREACHABLE", message, {
    hint: `Every instance is on its old process or on a new one. Run ten rollout ${service} again`,
    cause,
  });
}
