// Method and path of each operation of the API, by the operation's name.

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * Apart from the declarations, which the client knows by their types only: loading their schemas would make every
 * command a third slower. A segment in braces matches any text but the empty one, and is described in PARAMETERS.
 */
export const ENDPOINTS = {
  showPage: "GET /",
  getServerHealth: "GET /health",
  getOpenApi: "GET /api/openapi.json",
  listInstances: "GET /api/instances",
  spawnInstance: "POST /api/instances/spawn",
  deleteInstance: "DELETE /api/instances/{ref}",
  startInstance: "POST /api/instances/{ref}/start",
  stopInstance: "POST /api/instances/{ref}/stop",
  restartInstance: "POST /api/instances/{ref}/restart",
  sleepInstance: "POST /api/instances/{ref}/sleep",
  disableInstance: "POST /api/instances/{ref}/disable",
  enableInstance: "POST /api/instances/{ref}/enable",
  setWeight: "PUT /api/instances/{ref}/weight",
  getHealth: "GET /api/instances/{ref}/health",
  getStorage: "GET /api/instances/{ref}/storage",
  getStory: "GET /api/instances/{ref}/why",
  execInstance: "GET /api/instances/{ref}/exec",
  getEnv: "GET /api/instances/{ref}/env",
  patchEnv: "PATCH /api/instances/{ref}/env",
  replaceEnv: "PUT /api/instances/{ref}/env",
  deploy: "POST /api/deploy",
  route: "POST /api/route",
  rollout: "POST /api/rollout",
  searchLogs: "GET /api/logs",
  followLogs: "GET /api/logs/stream",
  reload: "POST /api/reload",
  listTokens: "GET /api/tokens",
  createToken: "POST /api/tokens",
  revokeToken: "DELETE /api/tokens/{token}",
  listDomains: "GET /api/domains",
  addDomain: "POST /api/domains",
  removeDomain: "DELETE /api/domains/{host}",
  getTelemetry: "GET /api/telemetry",
  getMetrics: "GET /metrics",
  restartServer: "POST /api/server/restart",
  listAudit: "GET /api/audit",
} as const satisfies Readonly<Record<string, `${Method} /${string}`>>;

export type OperationName = keyof typeof ENDPOINTS;

export interface Endpoint {
  readonly method: Method;
  readonly path: string;
}

export function endpointOf(name: OperationName): Endpoint {
  const [method, path] = ENDPOINTS[name].split(" ") as [Method, string];
  return { method, path };
}

type NamesInBraces<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesInBraces<Rest>
  : never;

/** The parameters in the braces of the operation's path. */
export type ParamsOf<Name extends OperationName> = Readonly<
  Record<NamesInBraces<(typeof ENDPOINTS)[Name]>, string>
>;
