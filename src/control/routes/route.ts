// A route is an operation with its endpoint and handler; matches requests to routes.
import type { z } from "zod";
import type { Call } from "../call.ts";
import type { Endpoint, OperationName } from "../wire/endpoints.ts";
import type { Operation } from "../wire/operation.ts";

export interface Route extends Endpoint, Operation {
  readonly name: OperationName;
  readonly query: z.ZodType;
  /** Throws a TenError to refuse. */
  handle(call: Call): unknown;
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

/** Finds the route of a request. HEAD is taken where GET is public. */
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
