// The table of what the control API answers: method, path, the action that a caller must be allowed, handler.
import type { Action } from "../core/access.ts";
import type { Call } from "./call.ts";
import { addDomain, listDomains, removeDomain } from "./domains.ts";
import {
  deleteInstance,
  envOfInstance,
  healthOfInstance,
  isRemoval,
  listInstances,
  orderInstance,
  patchEnv,
  replaceEnv,
  spawnInstance,
  storageOfInstance,
  storyOfInstance,
  weighInstance,
} from "./instances.ts";
import { searchLogs, streamLogs } from "./logs.ts";
import { answerHealth, answerPage } from "./page.ts";
import { answerMetrics, answerTelemetry } from "./telemetry.ts";
import { createToken, listAudit, listTokens, revokeToken } from "./tokens.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Route {
  readonly method: Method;
  /** A segment that starts with a colon matches any but an empty one; `:ref` is the name of an instance. */
  readonly path: string;
  /** Null: for everybody. */
  readonly action: Action | null | ((query: URLSearchParams) => Action);
  readonly handle: (call: Call) => Response | Promise<Response>;
}

const INSTANCE = "/api/instances/:ref";

export const ROUTES: readonly Route[] = [
  { method: "GET", path: "/", action: null, handle: answerPage },
  { method: "GET", path: "/health", action: null, handle: answerHealth },
  { method: "GET", path: "/api/instances", action: "list", handle: listInstances },
  { method: "POST", path: "/api/instances/spawn", action: "spawn", handle: spawnInstance },
  {
    method: "DELETE",
    path: INSTANCE,
    action: (query) => (isRemoval(query) ? "remove" : "stop"),
    handle: deleteInstance,
  },
  ...(["start", "stop", "restart", "sleep", "disable", "enable"] as const).map((verb): Route => ({
    method: "POST",
    path: `${INSTANCE}/${verb}`,
    action: verb,
    handle: orderInstance(verb),
  })),
  { method: "PUT", path: `${INSTANCE}/weight`, action: "weight", handle: weighInstance },
  { method: "GET", path: `${INSTANCE}/health`, action: "health", handle: healthOfInstance },
  { method: "GET", path: `${INSTANCE}/storage`, action: "storage", handle: storageOfInstance },
  { method: "GET", path: `${INSTANCE}/why`, action: "why", handle: storyOfInstance },
  { method: "GET", path: `${INSTANCE}/env`, action: "env", handle: envOfInstance },
  { method: "PATCH", path: `${INSTANCE}/env`, action: "set-env", handle: patchEnv },
  { method: "PUT", path: `${INSTANCE}/env`, action: "set-env", handle: replaceEnv },
  { method: "GET", path: "/api/logs", action: "logs", handle: searchLogs },
  { method: "GET", path: "/api/logs/stream", action: "logs", handle: streamLogs },
  { method: "GET", path: "/api/tokens", action: "tokens", handle: listTokens },
  { method: "POST", path: "/api/tokens", action: "create-token", handle: createToken },
  { method: "DELETE", path: "/api/tokens/:id", action: "revoke-token", handle: revokeToken },
  { method: "GET", path: "/api/domains", action: "domains", handle: listDomains },
  { method: "POST", path: "/api/domains", action: "add-domain", handle: addDomain },
  { method: "DELETE", path: "/api/domains/:host", action: "remove-domain", handle: removeDomain },
  { method: "GET", path: "/api/telemetry", action: "telemetry", handle: answerTelemetry },
  { method: "GET", path: "/metrics", action: "telemetry", handle: answerMetrics },
  { method: "GET", path: "/api/audit", action: "audit", handle: listAudit },
];

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
export function matchRoute(method: string, path: string): RouteMatch {
  const matches = ROUTES.flatMap((route) => {
    const params = matchPath(route.path, path);
    return params === null ? [] : [{ route, params }];
  });
  const found = matches.find(
    ({ route }) => route.method === method || (method === "HEAD" && route.action === null),
  );
  if (found !== undefined) return { kind: "found", ...found };
  if (matches.length === 0) return { kind: "unknown" };
  return { kind: "wrongMethod", allowed: matches.map(({ route }) => route.method) };
}

function matchPath(pattern: string, path: string): Record<string, string> | null {
  const expected = pattern.split("/");
  const given = path.split("/");
  if (expected.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [index, segment] of expected.entries()) {
    const text = given[index] ?? "";
    if (segment.startsWith(":") && text !== "") params[segment.slice(1)] = text;
    else if (segment !== text) return null;
  }
  return params;
}
