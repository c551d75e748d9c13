// The routes of the API: a handler for each operation.
import type { z } from "zod";
import type { Call } from "../call.ts";
import { deploy, rollout, route } from "../handlers/deploys.ts";
import { addDomain, listDomains, removeDomain } from "../handlers/domains.ts";
import { execInstance } from "../handlers/exec.ts";
import {
  deleteInstance,
  getEnv,
  getHealth,
  getStorage,
  getStory,
  listInstances,
  orderInstance,
  patchEnv,
  replaceEnv,
  setWeight,
  spawnInstance,
} from "../handlers/instances.ts";
import { followLogs, searchLogs } from "../handlers/logs.ts";
import { getServerHealth, showPage } from "../handlers/page.ts";
import { reload } from "../handlers/reload.ts";
import { restartServer } from "../handlers/restart.ts";
import { getMetrics, getTelemetry } from "../handlers/telemetry.ts";
import { createToken, listAudit, listTokens, revokeToken } from "../handlers/tokens.ts";
import { ENDPOINTS, endpointOf, type OperationName } from "../wire/endpoints.ts";
import { type AnswerOf, type BodyOf, OPERATIONS, type QueryOf } from "../wire/operations.ts";
import { nothing } from "../wire/wire.ts";
import { type OpenApiDocument, planOpenApi } from "./openapi.ts";
import type { Route } from "./route.ts";

/** The compiler holds each handler to the declaration of its operation. */
type Handlers = {
  readonly [Name in OperationName]: (
    call: Call<Checked<QueryOf<Name>>, Checked<BodyOf<Name>>>,
  ) => HandlerResult<AnswerOf<Name>> | Promise<HandlerResult<AnswerOf<Name>>>;
};

/** A handler may also render its answer itself, as a stream. */
type HandlerResult<Result> = Result | Response;

type Checked<Schema> = Schema extends z.ZodType ? z.output<Schema> : unknown;

const HANDLERS: Handlers = {
  showPage,
  getServerHealth,
  getOpenApi,
  listInstances,
  spawnInstance,
  deleteInstance,
  startInstance: orderInstance("start"),
  stopInstance: orderInstance("stop"),
  restartInstance: orderInstance("restart"),
  sleepInstance: orderInstance("sleep"),
  disableInstance: orderInstance("disable"),
  enableInstance: orderInstance("enable"),
  setWeight,
  getHealth,
  getStorage,
  getStory,
  execInstance,
  getEnv,
  patchEnv,
  replaceEnv,
  deploy,
  route,
  rollout,
  searchLogs,
  followLogs,
  reload,
  listTokens,
  createToken,
  revokeToken,
  listDomains,
  addDomain,
  removeDomain,
  getTelemetry,
  getMetrics,
  restartServer,
  listAudit,
};

export const ROUTES: readonly Route[] = (Object.keys(ENDPOINTS) as OperationName[]).map(routeOf);

function routeOf(name: OperationName): Route {
  const handle = HANDLERS[name] as Route["handle"];
  return { name, ...endpointOf(name), query: nothing, ...OPERATIONS[name], handle };
}

/** Built at the first request, which takes a dozen milliseconds during which the server does nothing else. */
let document: OpenApiDocument | null = null;

function getOpenApi({ world }: Call): OpenApiDocument {
  document ??= planOpenApi(ROUTES, world.version);
  return document;
}
