import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { OperationObject, Parameter } from "../../../src/control/routes/openapi.ts";
import { CLIENT_HEADER } from "../../../src/core/access.ts";
import { TenError } from "../../../src/core/errors.ts";
import type { OperationAt } from "../../support/contract.ts";
import { seededRandom } from "../../support/random.ts";
import { type Sampler, type Schema, sample, spoil } from "../../support/samples.ts";
import { lineOf } from "./fake-logs.ts";
import { CONTRACT, ControlWorld } from "./fakes.ts";

const REQUESTS_EACH = 150;
/** Of 150 requests at random some 5 spawn an instance, in one run of 100 none: then more are sent. */
const REQUESTS_EACH_MAX = 1500;
const MEDIA_TYPES = [
  "application/json",
  "application/json; charset=utf-8",
  "text/plain",
  "",
  "multipart/form-data; boundary=x",
  "application/jsonp",
];
const PATH_TEXTS = [
  "notes:alice",
  "notes:bob",
  "notes:nobody",
  "ghost:alice",
  "a:b:c",
  "%ZZ",
  "%00",
  "..",
  "1",
  "alice.example",
  "ü",
];
const FORWARDED = ["203.0.113.7", "2001:db8::1", "", "x, y, z", "999.999.999.999"];

const random = seededRandom("API fuzz");
const sampler: Sampler = { random, resolve: (schema) => CONTRACT.resolve(schema) };

let world: ControlWorld;
/** By name of the parameter. */
let usual: Readonly<Record<string, string>> = {};
let tokens: readonly (string | null)[];

beforeAll(async () => {
  world = await ControlWorld.open();
  world.logs.write(lineOf("notes:alice", "hello"), lineOf("notes:bob", "hello"));
});

afterAll(() => world[Symbol.asyncDispose]());

beforeEach(() => {
  const revoked = world.token(null);
  world.store.tokens.revoke(world.store.tokens.list().at(-1)?.id ?? 0);
  tokens = [
    world.token(null),
    world.token(null),
    world.token("alice"),
    world.token("bob"),
    revoked,
    "wrong",
    null,
  ];
  world.administration.addRunning("notes:bob");
  provide();
});

test.each(CONTRACT.operations.map((each) => [`${each.method} ${each.path}`, each] as const))(
  "%s answers any request as its document declares",
  async (_, operation) => {
    const hasSucceeded = () =>
      [...CONTRACT.seen].some((each) => each.startsWith(`${operation.method} ${operation.path} 2`));
    for (
      let count = 0;
      count < REQUESTS_EACH || (!hasSucceeded() && count < REQUESTS_EACH_MAX);
      count++
    ) {
      world.administration.startFailure =
        random.below(10) === 0 ? new TenError("START_FAILED", "it exits") : null;
      if (random.below(5) === 0) provide();
      await send(operation);
    }
    expect(world.faults).toEqual([]);
    // Otherwise the test has tried refusals only.
    expect(hasSucceeded()).toBe(true);
  },
  120_000,
);

/** Creates the subjects of the usual requests: an instance, a token, a hostname. */
function provide(): void {
  world.administration.addRunning("notes:alice");
  const { id } = world.store.tokens.create({ tenant: null, description: "" }, 0).row;
  usual = { ref: "notes:alice", token: String(id), host: "alice.example" };
  if (world.domains.list(null).length === 0) {
    world.domains.add("alice.example", { service: "notes", id: "alice" });
  }
}

/** Sends one request, whose answer is checked against the contract. */
async function send({ method, path, operation }: OperationAt): Promise<void> {
  const url = `${fillPath(path)}${renderQuery(operation.parameters)}`;
  const body = method === "GET" ? undefined : makeBody(operation);
  const outside = random.below(2) === 0;
  const token = random.pick(tokens);
  const headers: Record<string, string> =
    body === undefined
      ? {}
      : { "Content-Type": random.below(3) > 0 ? "application/json" : random.pick(MEDIA_TYPES) };
  const init = { method, headers, ...(body !== undefined && { body }) };
  try {
    const response = outside
      ? await world.askOutside(url, {
          ...init,
          headers: { ...headers, [CLIENT_HEADER]: address() },
          ...(token !== null && { token }),
        })
      : await world.ask(url, init);
    expect(response.status).not.toBe(500);
    await response.body?.cancel();
  } catch (error) {
    console.error(
      `The request was ${method} ${url} ${JSON.stringify(headers)} ${String(body).slice(0, 500)}`,
    );
    throw error;
  }
}

/** Mostly a new one, since an address is limited after ten wrong tokens. */
function address(): string {
  return random.below(4) > 0
    ? `10.0.${random.below(250)}.${random.below(250)}`
    : random.pick(FORWARDED);
}

function fillPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const wanted = usual[name];
    if (wanted === undefined) throw new Error(`This test knows no ${name} to ask for`);
    return random.below(3) > 0 ? wanted : random.pick(PATH_TEXTS);
  });
}

function renderQuery(parameters: readonly Parameter[]): string {
  const fields = parameters
    .filter((parameter) => parameter.in === "query" && random.below(3) === 0)
    .map(({ name, schema }): [string, string] => {
      const value = sample(schema as Schema, sampler);
      return [name, asText(random.below(3) > 0 ? value : spoil(value, sampler))];
    });
  const doubled = random.below(20) === 0 ? [...fields, ...fields] : fields;
  const all = random.below(20) === 0 ? [...doubled, ["x", "1"] as [string, string]] : doubled;
  return all.length === 0 ? "" : `?${new URLSearchParams(all)}`;
}

function asText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function makeBody({ requestBody }: OperationObject): string | Uint8Array<ArrayBuffer> | undefined {
  const schema = requestBody?.content["application/json"]?.schema as Schema | undefined;
  switch (random.below(8)) {
    case 0:
      return undefined;
    case 1:
      return new Uint8Array(Array.from({ length: random.below(200) }, () => random.below(256)));
    case 2:
      return random.pick([
        "{",
        "[",
        "nul",
        '"',
        "{}{}",
        "[".repeat(50_000),
        "{}\0",
        " ",
        "\ufeff{}",
        `{"x":"${"y".repeat(70_000)}"}`,
      ]);
    case 3:
    case 4:
      return JSON.stringify(spoil(schema === undefined ? {} : sample(schema, sampler), sampler));
    default:
      return schema === undefined ? undefined : JSON.stringify(sample(schema, sampler));
  }
}
