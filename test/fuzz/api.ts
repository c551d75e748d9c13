// The fuzzer of the control API: requests from its OpenAPI document, and spoilt ones; every answer must be declared.

import { deepEqual, notEqual } from "node:assert/strict";
import type { OperationObject, Parameter } from "../../src/control/routes/openapi.ts";
import { CLIENT_HEADER } from "../../src/core/access.ts";
import { TenError } from "../../src/core/errors.ts";
import type { OperationAt } from "../support/contract.ts";
import type { Random } from "../support/random.ts";
import { type Sampler, type Schema, sample, spoil } from "../support/samples.ts";
import { lineOf } from "../unit/control/fake-logs.ts";
import { CONTRACT, ControlWorld } from "../unit/control/fakes.ts";
import type { Fuzzer } from "./fuzzer.ts";

/** Requests to each operation in a round. */
const REQUESTS_EACH = 10;
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

/** A round is a world with its own database, in which each operation is asked some requests. */
class ApiFuzzer implements Fuzzer {
  readonly reached = CONTRACT.seen;

  async round(random: Random): Promise<number> {
    await using world = await ControlWorld.open();
    world.logs.write(lineOf("notes:alice", "hello"), lineOf("notes:bob", "hello"));
    const caller = new Caller(world, random);
    let count = 0;
    for (const operation of CONTRACT.operations) {
      caller.renew();
      for (let each = 0; each < REQUESTS_EACH; each += 1, count += 1) {
        world.administration.startFailure =
          random.below(10) === 0 ? new TenError("START_FAILED", "it exits") : null;
        if (random.below(5) === 0) caller.provide();
        await caller.send(operation);
      }
    }
    deepEqual(world.faults, []);
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

export const openApiFuzzer = async (): Promise<Fuzzer> => new ApiFuzzer();

/** The operations that no request has succeeded with so far, but for WebSockets, which the fuzzer does not open. */
export function unsuccessful(): readonly string[] {
  const hasSucceeded = (name: string) => [...CONTRACT.seen].some((each) => each.startsWith(name));
  return CONTRACT.operations
    .filter(({ operation }) => !("101" in operation.responses))
    .map(({ method, path }) => `${method} ${path} 2`)
    .filter((name) => !hasSucceeded(name));
}

/** Sends random requests to one world. */
class Caller {
  readonly #world: ControlWorld;
  readonly #random: Random;
  readonly #sampler: Sampler;
  /** By name of the parameter. */
  #usual: Readonly<Record<string, string>> = {};
  #tokens: readonly (string | null)[] = [];

  constructor(world: ControlWorld, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#sampler = { random, resolve: (schema) => CONTRACT.resolve(schema) };
  }

  /** Creates tokens of each kind, and all that requests ask for. */
  renew(): void {
    const world = this.#world;
    const revoked = world.token(null);
    world.store.tokens.revoke(world.store.tokens.list().at(-1)?.id ?? 0);
    this.#tokens = [
      world.token(null),
      world.token(null),
      world.token("alice"),
      world.token("bob"),
      revoked,
      "wrong",
      null,
    ];
    world.administration.addRunning("notes:bob");
    this.provide();
  }

  /** Creates the subjects of the usual requests: an instance, a token, a hostname. */
  provide(): void {
    const world = this.#world;
    world.administration.addRunning("notes:alice");
    const { id } = world.store.tokens.create({ tenant: null, description: "" }, 0).row;
    this.#usual = { ref: "notes:alice", token: String(id), host: "alice.example" };
    if (world.domains.list(null).length === 0) {
      world.domains.add("alice.example", { service: "notes", id: "alice" });
    }
  }

  /** Sends one request, whose answer is checked against the contract. */
  async send({ method, path, operation }: OperationAt): Promise<void> {
    const url = `${this.#fillPath(path)}${this.#renderQuery(operation.parameters)}`;
    const body = method === "GET" ? undefined : this.#makeBody(operation);
    const outside = this.#random.below(2) === 0;
    const token = this.#random.pick(this.#tokens);
    const headers: Record<string, string> =
      body === undefined
        ? {}
        : {
            "Content-Type":
              this.#random.below(3) > 0 ? "application/json" : this.#random.pick(MEDIA_TYPES),
          };
    const init = { method, headers, ...(body !== undefined && { body }) };
    try {
      const response = outside
        ? await this.#world.askOutside(url, {
            ...init,
            headers: { ...headers, [CLIENT_HEADER]: this.#address() },
            ...(token !== null && { token }),
          })
        : await this.#world.ask(url, init);
      notEqual(response.status, 500);
      await response.body?.cancel();
    } catch (error) {
      console.error(
        `The request was ${method} ${url} ${JSON.stringify(headers)} ${String(body).slice(0, 500)}`,
      );
      throw error;
    }
  }

  /** Mostly a new one, since an address is limited after ten wrong tokens. */
  #address(): string {
    return this.#random.below(4) > 0
      ? `10.0.${this.#random.below(250)}.${this.#random.below(250)}`
      : this.#random.pick(FORWARDED);
  }

  #fillPath(path: string): string {
    return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const wanted = this.#usual[name];
      if (wanted === undefined) throw new Error(`This fuzzer knows no ${name} to ask for`);
      return this.#random.below(3) > 0 ? wanted : this.#random.pick(PATH_TEXTS);
    });
  }

  #renderQuery(parameters: readonly Parameter[]): string {
    const fields = parameters
      .filter((parameter) => parameter.in === "query" && this.#random.below(3) === 0)
      .map(({ name, schema }): [string, string] => {
        const value = sample(schema as Schema, this.#sampler);
        return [name, asText(this.#random.below(3) > 0 ? value : spoil(value, this.#sampler))];
      });
    const doubled = this.#random.below(20) === 0 ? [...fields, ...fields] : fields;
    const all =
      this.#random.below(20) === 0 ? [...doubled, ["x", "1"] as [string, string]] : doubled;
    return all.length === 0 ? "" : `?${new URLSearchParams(all)}`;
  }

  #makeBody({ requestBody }: OperationObject): string | Uint8Array<ArrayBuffer> | undefined {
    const schema = requestBody?.content["application/json"]?.schema as Schema | undefined;
    switch (this.#random.below(8)) {
      case 0:
        return undefined;
      case 1:
        return new Uint8Array(
          Array.from({ length: this.#random.below(200) }, () => this.#random.below(256)),
        );
      case 2:
        return this.#random.pick([
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
        return JSON.stringify(
          spoil(schema === undefined ? {} : sample(schema, this.#sampler), this.#sampler),
        );
      default:
        return schema === undefined ? undefined : JSON.stringify(sample(schema, this.#sampler));
    }
  }
}

function asText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
