// What a route is: a declaration of what it takes and answers, and the handler that is held to it.
import type { z } from "zod";
import type { Action } from "../../core/access.ts";
import type { Call } from "../call.ts";
import { nothing } from "../wire/wire.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a route answers when it succeeds. `Result` is what its handler returns. */
export type Answer<Result = unknown> =
  | {
      readonly kind: "json";
      readonly status: 200 | 201;
      readonly schema: z.ZodType<unknown, Result>;
    }
  /** 204. */
  | { readonly kind: "empty" }
  /** The handler makes the response itself. */
  | {
      readonly kind: "text";
      readonly type: string;
      readonly about: string;
      /** Of the data of each event, in a stream of events. */
      readonly events?: z.ZodType;
    };

export function json<Result>(
  schema: z.ZodType<unknown, Result>,
  status: 200 | 201 = 200,
): Answer<Result> {
  return { kind: "json", status, schema };
}

export const EMPTY: Answer<void> = { kind: "empty" };

/** @param type without parameters: `text/plain` */
export function text(type: string, about: string): Answer<Response> {
  return { kind: "text", type, about };
}

/** Server-sent events. */
export function events(schema: z.ZodType, about: string): Answer<Response> {
  return { kind: "text", type: "text/event-stream", about, events: schema };
}

interface Declaration<Query extends z.ZodType, Body extends z.ZodType, Result> {
  readonly method: Method;
  /** A segment in braces matches any but an empty one, and is described in PARAMETERS; `{ref}` is read as a ref. */
  readonly path: string;
  /** One line for those who read the document of the API. */
  readonly summary: string;
  /** What a caller must be allowed; null: for everybody. */
  readonly action: Action | null | ((query: URLSearchParams) => Action);
  /** Left out: takes no query. */
  readonly query?: Query;
  /** JSON; left out: takes none. */
  readonly body?: Body;
  readonly answer: Answer<Result>;
  /** Statuses with which it refuses, beyond those that come of what it takes. */
  readonly refusals?: readonly number[];
  /** Is given what was asked for, checked; throws a TenError to refuse. */
  readonly handle: (
    call: Call<z.output<Query>, z.output<Body>>,
  ) => NoInfer<Result> | Promise<NoInfer<Result>>;
}

/** A route whose types the table can't tell any more. */
export interface Route extends Omit<Declaration<z.ZodType, z.ZodType, unknown>, "handle"> {
  readonly query: z.ZodType;
  handle(call: Call): unknown;
}

/** One route: what it takes, what it answers, and the handler, which the compiler holds to both. */
export function route<
  Result,
  Query extends z.ZodType = typeof nothing,
  Body extends z.ZodType = typeof nothing,
>(declaration: Declaration<Query, Body, Result>): Route {
  const { handle, ...declared } = declaration;
  return { query: nothing, ...declared, handle: handle as Route["handle"] };
}

export type RouteMatch =
  | {
      readonly kind: "found";
      readonly route: Route;
      readonly params: Readonly<Record<string, string>>;
    }
  | { readonly kind: "unknown" }
  /** The path exists, not with this method. */
  | { readonly kind: "wrongMethod"; readonly allowed: readonly string[] };

/** Finds the route of a request. HEAD is for what everybody may GET. */
export function matchRoute(
  routes: readonly Route[],
  { method, path }: { method: string; path: string },
): RouteMatch {
  const matches = routes.flatMap((each) => {
    const params = matchPath(each.path, path);
    return params === null ? [] : [{ route: each, params }];
  });
  const found = matches.find(
    ({ route: { method: own, action } }) =>
      own === method || (method === "HEAD" && action === null),
  );
  if (found !== undefined) return { kind: "found", ...found };
  if (matches.length === 0) return { kind: "unknown" };
  return { kind: "wrongMethod", allowed: matches.map(({ route: { method: own } }) => own) };
}

/** The names in braces of a path. */
export function parametersOf(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
}

function matchPath(pattern: string, path: string): Record<string, string> | null {
  const expected = pattern.split("/");
  const given = path.split("/");
  if (expected.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, segment] of expected.entries()) {
    const value = given[index] ?? "";
    if (segment.startsWith("{") && value !== "") params[segment.slice(1, -1)] = value;
    else if (segment !== value) return null;
  }
  return params;
}
