// Writes docs/api.md: prose by hand, the rest from the API's own document and an example for each operation.
import {
  type Content,
  type DeclaredResponse,
  type OpenApiDocument,
  type OperationObject,
  planOpenApi,
} from "../src/control/routes/openapi.ts";
import type { Route } from "../src/control/routes/route.ts";
import { ROUTES } from "../src/control/routes/routes.ts";
import { type Action, decideAccess } from "../src/core/access.ts";
import { API_EXAMPLES, type ApiExample } from "./api-examples.ts";

/** From the root of the project. */
export const API_DOCS = "docs/api.md";

const INTRODUCTION = `# Control API

JSON over HTTP, used by the command line and open to other programs. It listens in two places:

- on the Unix socket \`tenement.sock\` in the data directory, where no token is needed: every user who may open it is the administrator.
  A request that comes through a proxy, with a header \`X-Forwarded-*\`, \`Forwarded\` or \`Via\`, is refused there;
- on the server's public port, for the root domain unless \`[routing]\` leads it elsewhere, for IP addresses and for \`localhost\`. There a
  request needs a token, which \`ten token-gen\` creates. Only \`/\` and \`/health\` are public.

\`\`\`console
$ curl --unix-socket tenement-data/tenement.sock http://localhost/api/instances
$ curl -H "Authorization: Bearer $TOKEN" http://localhost:8080/api/instances
\`\`\`

\`GET /api/openapi.json\` describes the whole API in [OpenAPI](https://spec.openapis.org/oas/v3.1.1) 3.1, for programs that generate clients
or forms. The data of an event in a stream is described there under \`x-event-data\`. This page is generated from the same document.

A token is an administrator's, which permits everything, or a tenant's (\`ten token-gen --tenant alice\`), which permits the operations that
are marked below, for instances whose id is \`alice\`, of any service. Lists and logs omit other instances, and a request for another
instance is answered with 403 whether it exists or not. After ten wrong tokens within a minute, further wrong ones from that
address are answered with 429; a right token is always accepted. The address is that of the nearest hop which is not a trusted proxy.

Durations are in seconds where the name says so, times are ISO 8601 in UTC, sizes are in bytes. \`null\` means that there is no value at
present. A body is at most 64 KiB of JSON, with \`Content-Type: application/json\`. Unknown fields and repeated query parameters are refused.
No answer may be cached. Changes that a page of another site requests are refused.

A tenant's token may have eight event streams open at once, an administrator's 100. There are 200 in all, of which tenants leave 50 to
administrators. Of searches of the logs a tenant's token may have three in progress, an administrator's eight; there are 16 in all, of which
tenants leave four to administrators. A search is in progress until its answer has been read. Its answer is at most 4 MB: the newest lines
that match. Where older ones were left out for that, the header \`Link: </api/logs?…>; rel="next"\` leads to them.

Every change is in the audit trail, with time, actor, action, subject and outcome, and so is every refused change and every wrong token.
The refusals of one actor and action within a minute are one row with their count. Rows of administrators are kept for a year. Of each
tenant's token the newest 1000 changes are kept, and of each actor the newest 1000 rows of refusals, so that no use of a token removes the
rows of another.

## Errors

\`\`\`json
{
  "error": "Cannot find \\"notes:bob\\": it is not registered",
  "code": "INSTANCE_UNKNOWN",
  "hint": "Register it with: ten spawn notes:bob"
}
\`\`\`

\`hint\` is present where there is a remedy. If a start failed, \`log\` contains the last lines that the instance wrote. With 429 and some 503
the header \`Retry-After\` contains the seconds to wait before a retry, with 405 \`Allow\` lists the methods.

| Status | Meaning                                                                        |
| ------ | ------------------------------------------------------------------------------ |
| 400    | the body is not JSON                                                           |
| 401    | no token, or an unknown one                                                    |
| 403    | the token does not permit it, or another site or a proxy requested it          |
| 404    | no such path, instance, service, token or hostname                             |
| 405    | the path does not have this method                                             |
| 409    | the present state does not allow it                                            |
| 413    | the body is over 64 KiB                                                        |
| 415    | the body is not declared as JSON                                               |
| 422    | a field, the query, a name or the configuration is invalid                     |
| 429    | too many wrong tokens, open streams or searches in progress                    |
| 431    | path, query and headers are over 16 KiB, or too many; this answer may be empty |
| 500    | a fault in the server, which its output describes                              |
| 503    | it did not start, the disk is full, or another cause that may pass             |
`;

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** The text of the document. */
export function renderApiDocs(): string {
  const document = planOpenApi(ROUTES, "0");
  const shown = new Set<string>();
  const operations = ROUTES.map((route) => renderOperation(route, { document, shown }));
  return `${[INTRODUCTION.trimEnd(), "## Operations", ...operations, ...renderShapes(document)].join("\n\n")}\n`;
}

/** @param shown shapes with an example already */
function renderOperation(
  route: Route,
  { document, shown }: { document: OpenApiDocument; shown: Set<string> },
): string {
  const { name, method, path } = route;
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`The document lacks ${name}`);
  const example = API_EXAMPLES[name];
  const body = operation.requestBody?.content["application/json"]?.schema as Schema | undefined;
  const shape = body?.$ref === undefined ? body : componentOf(body.$ref, document);
  const parts = [
    `### ${method} ${path}`,
    `${operation.summary}. ${renderRight(route)}`.trimEnd(),
    renderFields("Query", queryOf(operation)),
    renderFields("Body", fieldsOf(shape ?? {})),
    renderBlock("http", renderRequest(method, example)),
    renderAnswer(operation, { example, shown }),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** The required permission. */
function renderRight({ action }: Route): string {
  if (action === null) return "Public.";
  const tenant = { kind: "tenant", name: "", id: "alice" } as const;
  const isTenants = (wanted: Action) => decideAccess(tenant, wanted, null).kind === "allowed";
  if (typeof action === "string") return isTenants(action) ? "A tenant's token permits it." : "";
  return isTenants(action(new URLSearchParams()))
    ? "A tenant's token permits it without a query."
    : "";
}

interface Field {
  readonly name: string;
  readonly isRequired: boolean;
  readonly schema: Schema;
}

function queryOf({ parameters }: OperationObject): readonly Field[] {
  return parameters
    .filter((parameter) => parameter.in === "query")
    .map(({ name, required, schema, description }) => ({
      name,
      isRequired: required,
      schema: { ...schema, ...(description !== undefined && { description }) },
    }));
}

function fieldsOf({ properties = {}, required = [] }: Schema): readonly Field[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    isRequired: required.includes(name),
    schema,
  }));
}

function renderFields(title: string, fields: readonly Field[]): string {
  if (fields.length === 0) return "";
  const rows = fields.map(({ name, isRequired, schema }) => [
    `\`${name}\`${isRequired ? "" : " (optional)"}`,
    renderType(schema),
    schema.description ?? "",
  ]);
  return renderTable([title, "Type", "Meaning"], rows);
}

function renderRequest(method: string, { path, body }: ApiExample): string {
  return `${method} ${path}${body === undefined ? "" : `\n\n${renderJson(body)}`}`;
}

function renderAnswer(
  { responses }: OperationObject,
  { example: { answer, messages }, shown }: { example: ApiExample; shown: Set<string> },
): string {
  if (messages !== undefined) {
    const { description: about = "" } = responses[101] as DeclaredResponse;
    const lines = messages.map(({ by, message }) => `${by}: ${JSON.stringify(message)}`);
    return `Answers 101: the connection becomes a WebSocket. ${about}\n\n${renderBlock("text", lines.join("\n"))}`;
  }
  if (answer === undefined) return "Answers 204, without a body.";
  const { content } = (responses[200] ?? responses[201]) as { content?: Content };
  if (typeof answer === "string") {
    const [[type, { schema } = { schema: {} }] = []] = Object.entries(content ?? {});
    return `\`${type}\`: ${(schema as Schema).description}.\n\n${renderBlock("text", answer)}`;
  }
  const { $ref = "" } = (content?.["application/json"]?.schema ?? {}) as Schema;
  if (shown.has($ref)) return `Answers as above: ${renderType({ $ref })}.`;
  if ($ref !== "") shown.add($ref);
  return renderBlock("json", renderJson(answer));
}

function renderBlock(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

/** The shapes that answers are made of. */
function renderShapes(document: OpenApiDocument): readonly string[] {
  const shapes = Object.entries(document.components.schemas as Record<string, Schema>);
  return [
    "## Shapes",
    ...shapes.flatMap(([name, schema]) => {
      const { description } = schema;
      const fields = renderFields("Field", fieldsOf(schema));
      const about = description === undefined ? "" : `${description}.`;
      const type = fields === "" ? `${capital(renderType(schema))}.` : "";
      return [`### ${name}`, about === "" ? type : about, fields].filter((part) => part !== "");
    }),
  ];
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function componentOf(reference: string, { components }: OpenApiDocument): Schema {
  return components.schemas[reference.split("/").at(-1) ?? ""] as Schema;
}

function renderType(schema: Schema): string {
  const { $ref, anyOf, const: only, enum: choices, items, minimum, maximum } = schema;
  if ($ref !== undefined) {
    const name = $ref.split("/").at(-1) ?? "";
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (anyOf !== undefined) return anyOf.map(renderType).join(" or ");
  if (only !== undefined) return `\`${String(only)}\``;
  if (choices !== undefined) return choices.map((choice) => `\`${String(choice)}\``).join(", ");
  if (items !== undefined) return `list of ${renderType(items)}`;
  const type = [schema.type ?? "anything"].flat().join(" or ");
  return maximum === undefined ? type : `${type}, ${minimum ?? 0} to ${maximum}`;
}

/** In columns as wide as their widest cell, as the formatter has them. */
function renderTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, ...rows].map((cells) => cells.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = titles.map((_, column) =>
    Math.max(3, ...lines.map((cells) => Bun.stringWidth(cells[column] ?? ""))),
  );
  const pad = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = "", ...body] = lines.map(pad);
  return [head, pad(widths.map((width) => "-".repeat(width))), ...body].join("\n");
}

/** Lists of texts and numbers on one line, as the formatter has them. */
function renderJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(
    /\[\n\s+([^[\]{}]*?)\n\s*\]/g,
    (_, items: string) => `[${items.replaceAll(/,\n\s+/g, ", ")}]`,
  );
}
