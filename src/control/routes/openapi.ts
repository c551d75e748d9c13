// The OpenAPI 3.1 document of the control API, generated from its routes.
import { STATUS_CODES } from "node:http";
import { z } from "zod";
import type { Answer } from "../wire/operation.ts";
import { anything, errorAnswer, PARAMETERS } from "../wire/wire.ts";
import { parametersOf, type Route } from "./route.ts";

type Json = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Json;
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Json; readonly [kind: string]: Json };
  readonly [field: string]: unknown;
}

export interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  /** By status. */
  readonly responses: Readonly<Record<string, DeclaredResponse | { readonly $ref: string }>>;
  readonly security: readonly Json[];
  readonly [field: string]: unknown;
}

export interface DeclaredResponse {
  readonly description?: string;
  readonly content?: Content;
  /** Schemas of the messages of a WebSocket: OpenAPI 3.1 has no field for them. */
  readonly "x-messages"?: { readonly sent: Json; readonly received: Json };
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly schema: Json;
  readonly description?: string;
}

/** By media type. */
export type Content = Readonly<
  Record<
    string,
    {
      readonly schema: Json;
      /** Schema of the data of each event: OpenAPI 3.1 has no field for it. */
      readonly "x-event-data"?: Json;
    }
  >
>;

const REFUSED = "the failed operation, the reason, and a hint";

/** The HTTP server refuses it before any route is matched. */
const HEAD_REFUSED =
  "Request Header Fields Too Large: path, query and headers are over 16 KiB, or too many; may have no body";

const ABOUT = `Every answer is JSON unless declared otherwise, and must not be cached. Over the Unix socket in the data directory no token is
needed: a program that can open it is the administrator's. Over HTTP a request carries a token, Authorization: Bearer TOKEN, which ten token-gen creates.
A tenant's token permits GET /api/instances, GET /api/logs and its stream, health and storage, and start, stop and restart, of the instances
whose id is the tenant's. An unknown field is refused, and so is one that is given twice.`;

/** A schema with an id becomes a component of that name. */
export function planOpenApi(routes: readonly Route[], version: string): OpenApiDocument {
  const schemas = new Schemas();
  const paths: Record<string, Record<string, OperationObject>> = {};
  for (const route of routes) {
    const operation = planOperation(route, schemas);
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation };
  }
  const error = jsonOf(schemas.asAnswered(errorAnswer));
  const refusals = [...new Set(routes.flatMap(refusalsOf))];
  return {
    openapi: "3.1.1",
    info: { title: "ten", version, description: ABOUT.replaceAll("\n", " ") },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: schemas.named,
      responses: Object.fromEntries(refusals.map((status) => [status, refusalOf(status, error)])),
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function planOperation(route: Route, schemas: Schemas): OperationObject {
  const { name, path, summary, action, body, answer } = route;
  const [subject = ""] = path.split("/").filter((segment) => segment !== "" && segment !== "api");
  return {
    operationId: name,
    tags: [subject === "" ? "page" : subject],
    summary,
    parameters: [...planPath(path, schemas), ...planQuery(route.query, schemas)],
    ...(body !== undefined && { requestBody: planBody(body, schemas) }),
    responses: { ...planAnswer(answer, schemas), ...planRefusals(route) },
    security: action === null ? [] : [{ token: [] }],
  };
}

function planPath(path: string, schemas: Schemas): Parameter[] {
  return parametersOf(path).map((name) => {
    const schema = schemas.asSent(PARAMETERS[name] ?? z.string());
    return { name, in: "path", required: true, schema };
  });
}

function planQuery(query: z.ZodType, schemas: Schemas): Parameter[] {
  const { properties = {}, required = [] } = schemas.asSent(query) as {
    properties?: Record<string, { description?: string }>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
    ...(description !== undefined && { description }),
  }));
}

function planBody(body: z.ZodType, schemas: Schemas): { required: boolean; content: Content } {
  // An empty body counts as an object without fields.
  return { required: !body.safeParse({}).success, content: jsonOf(schemas.asSent(body)) };
}

function planAnswer(answer: Answer, schemas: Schemas): OperationObject["responses"] {
  switch (answer.kind) {
    case "json":
      return {
        [answer.status]: responseOf(answer.status, jsonOf(schemas.asAnswered(answer.schema))),
      };
    case "empty":
      return { 204: responseOf(204) };
    case "socket": {
      const sent = schemas.asSent(answer.messages.sent);
      const received = schemas.asAnswered(answer.messages.received);
      return { 101: { description: answer.about, "x-messages": { sent, received } } };
    }
    case "text": {
      const schema = { type: "string", description: answer.about };
      const data = answer.events && { "x-event-data": schemas.asAnswered(answer.events) };
      return { 200: responseOf(200, { [answer.type]: { schema, ...data } }) };
    }
  }
}

function planRefusals(route: Route): OperationObject["responses"] {
  const references = refusalsOf(route).map((status) => [
    status,
    { $ref: `#/components/responses/${status}` },
  ]);
  return Object.fromEntries(references);
}

/** Refusals follow from the route's inputs; 500 and 503 are possible for all. */
function refusalsOf({
  method,
  path,
  action,
  query,
  body,
  refusals = [],
}: Route): readonly number[] {
  const changes = method !== "GET";
  return [
    ...new Set([
      // A proxy may be refused anything.
      403,
      ...(action === null ? [] : [401, 429]),
      ...(path.includes("{") ? [404] : []),
      ...(changes ? [400, 413, 415] : []),
      ...(query === anything && body === undefined && !changes ? [] : [422]),
      ...refusals,
      431,
      500,
      503,
    ]),
  ].sort((a, b) => a - b);
}

function responseOf(status: number, content?: Content): { description: string; content?: Content } {
  const description = status < 400 ? "Done" : `${STATUS_CODES[status]}: ${REFUSED}`;
  return { description, ...(content !== undefined && { content }) };
}

function refusalOf(status: number, error: Content): ReturnType<typeof responseOf> {
  return status === 431 ? { description: HEAD_REFUSED } : responseOf(status, error);
}

function jsonOf(schema: Json): Content {
  return { "application/json": { schema } };
}

/** Converts schemas to JSON Schema and collects those with an id. */
class Schemas {
  readonly named: Record<string, unknown> = {};

  asSent(schema: z.ZodType): Json {
    return this.#convert(schema, "input");
  }

  asAnswered(schema: z.ZodType): Json {
    return this.#convert(schema, "output");
  }

  #convert(schema: z.ZodType, io: "input" | "output"): Json {
    const converted = z.toJSONSchema(schema, { io, override: describeAsSent });
    const text = JSON.stringify(converted).replaceAll('"#/$defs/', '"#/components/schemas/');
    const { $defs = {}, $schema: _, ...own } = JSON.parse(text) as Record<string, Json>;
    Object.assign(this.named, $defs);
    return own;
  }
}

/** A number in a query is text on the wire; the document describes it as a number. */
function describeAsSent({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const { asSent } = jsonSchema;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (asSent === undefined) return;
  delete jsonSchema.pattern;
  delete jsonSchema["asSent"];
  Object.assign(jsonSchema, asSent);
}
