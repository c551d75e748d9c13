import { expect, test } from "bun:test";
import { runExec } from "../../src/control/client/exec-client.ts";
import type { OpenApiDocument } from "../../src/control/routes/openapi.ts";
import { Contract } from "../support/contract.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { APP_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

const SERVICE = `[service.notes]\ncommand = "${APP_COMMAND}"\n`;

/** One request for each operation, in an order in which each can succeed. */
const REQUESTS: readonly (readonly [request: string, body?: unknown])[] = [
  ["GET /"],
  ["GET /health"],
  ["GET /api/openapi.json"],
  ["POST /api/instances/spawn", { process: "notes", id: "alice", env: { COLOR: "blue" } }],
  ["GET /api/instances?all=true"],
  ["POST /api/instances/notes:alice/stop"],
  ["POST /api/instances/notes:alice/start"],
  ["POST /api/instances/notes:alice/restart"],
  ["POST /api/instances/notes:alice/sleep"],
  ["POST /api/instances/notes:alice/disable"],
  ["POST /api/instances/notes:alice/enable"],
  ["PUT /api/instances/notes:alice/weight", { weight: 50 }],
  ["GET /api/instances/notes:alice/health"],
  ["GET /api/instances/notes:alice/storage"],
  ["GET /api/instances/notes:alice/why"],
  ["GET /api/instances/notes:alice/exec"],
  ["GET /api/instances/notes:alice/env"],
  ["PATCH /api/instances/notes:alice/env", { COLOR: null, SIZE: "10" }],
  ["PUT /api/instances/notes:alice/env", { SIZE: "11" }],
  ["GET /api/logs?process=notes&id=alice&limit=5"],
  ["GET /api/logs/stream?limit=5"],
  ["POST /api/domains", { host: "notes.alice.example", target: "notes:alice" }],
  ["GET /api/domains"],
  ["DELETE /api/domains/notes.alice.example"],
  ["POST /api/deploy", { process: "notes", version: "v2", weight: 0 }],
  ["POST /api/route", { process: "notes", from: "alice", to: "v2" }],
  ["POST /api/rollout", { process: "notes" }],
  ["POST /api/reload?dry_run=true"],
  ["POST /api/reload"],
  ["GET /api/telemetry"],
  ["GET /metrics"],
  ["POST /api/tokens", { tenant: "alice", description: "status page" }],
  ["GET /api/tokens"],
  ["DELETE /api/tokens/2"],
  ["GET /api/audit?limit=100"],
  ["DELETE /api/instances/notes:alice?purge=true"],
  ["POST /api/server/restart"],
];

/** Requests that clients get wrong. */
const MISTAKES: readonly (readonly [request: string, status: number, body?: unknown])[] = [
  ["GET /api/nothing", 404],
  ["POST /api/instances", 405],
  ["POST /api/instances/notes:nobody/start", 404],
  ["POST /api/instances/spawn", 404, { process: "nothing", id: "alice" }],
  ["POST /api/instances/spawn", 422, { process: "notes", id: "alice", colour: "blue" }],
  ["POST /api/instances/spawn", 413, { process: "notes", id: "x".repeat(70_000) }],
  ["GET /api/logs?limit=many", 422],
  ["DELETE /api/domains/nobody.example", 404],
];

test("the compiled server answers only as its OpenAPI document declares", () =>
  withTen({ configText: SERVICE }, async (ten) => {
    const token = (await ten.must("token-gen", "--quiet")).trim();
    const visitor = new Visitor(ten, token);
    const contract = new Contract(
      (await visitor.ask("GET /api/openapi.json").then((r) => r.json())) as OpenApiDocument,
    );
    for (const [request, body] of REQUESTS) {
      if (request.includes("/logs")) await ten.get("alice.notes.localhost", "/log?line=hello");
      if (request.endsWith("/exec")) {
        if (!isMissing(GCC))
          expect(await visitor.exec("notes:alice", ["sh", "-c", "exit 7"])).toBe(7);
        contract.seen.add("GET /api/instances/{ref}/exec 101");
        continue;
      }
      const response = await visitor.ask(request, body);
      await contract.check(...split(request), response);
      expect([request, response.ok]).toEqual([request, true]);
      if (response.headers.get("Content-Type") !== "text/event-stream") continue;
      // A stream of logs is endless.
      const most = request.includes("/logs/") ? 1 : Number.POSITIVE_INFINITY;
      await contract.checkEvents(...split(request), { response, most });
    }
    expect(contract.seen).toContain("POST /api/rollout event");
    expect(contract.seen).toContain("GET /api/logs/stream event");
    const succeeded = [...contract.seen].map((name) => name.split(" ").slice(0, 2).join(" "));
    const all = contract.operations.map(({ method, path }) => `${method} ${path}`);
    expect(all.filter((name) => !succeeded.includes(name))).toEqual([]);
    for (const [request, status, body] of MISTAKES) {
      const response = await visitor.ask(request, body);
      await contract.check(...split(request), response);
      expect([request, response.status]).toEqual([request, status]);
    }
  }));

test("the API refuses all but its public operations without a token", () =>
  withTen({ configText: SERVICE }, async (ten) => {
    const token = (await ten.must("token-gen", "--quiet")).trim();
    const document = await new Visitor(ten, token).ask("GET /api/openapi.json");
    const contract = new Contract((await document.json()) as OpenApiDocument);
    const stranger = new Visitor(ten, null);
    for (const { method, path, operation } of contract.operations) {
      const request = `${method} ${path.replaceAll(/\{\w+\}/g, "notes:alice")}`;
      const response = await stranger.ask(request);
      await contract.check(...split(request), response);
      expect([request, response.status]).toEqual([
        request,
        operation.security.length > 0 ? 401 : 200,
      ]);
    }
  }));

function split(request: string): [method: string, path: string] {
  const [method = "", path = ""] = request.split(" ");
  return [method, path];
}

/** A client of the API over HTTP. */
class Visitor {
  readonly #ten: Ten;
  readonly #token: string | null;

  constructor(ten: Ten, token: string | null) {
    this.#ten = ten;
    this.#token = token;
  }

  ask(request: string, body?: unknown): Promise<Response> {
    const [method, path] = split(request);
    const headers = new Headers();
    if (this.#token !== null) headers.set("Authorization", `Bearer ${this.#token}`);
    if (body !== undefined) headers.set("Content-Type", "application/json");
    return fetch(`http://127.0.0.1:${this.#ten.port}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** Runs a command through the public listener; resolves with its exit code. */
  async exec(ref: string, command: readonly string[]): Promise<number> {
    const output = async () => undefined;
    const streams = {
      input: new Blob([]).stream(),
      output,
      error: output,
      onStarted: () => undefined,
    };
    const outcome = await runExec(
      { kind: "http", origin: `http://localhost:${this.#ten.port}`, token: this.#token },
      { ref, start: { command: [...command], terminal: null } },
      { streams, signal: new AbortController().signal },
    );
    return outcome.code;
  }
}
