import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { CONTRACT, ControlWorld } from "./fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  world.administration.addRunning("notes:alice");
});

afterEach(() => world[Symbol.asyncDispose]());

async function failureOf(
  response: Response,
): Promise<{ status: number; error: string; code: string }> {
  const body = (await response.json()) as { error: string; code: string };
  return { status: response.status, ...body };
}

describe("routing", () => {
  test("health is public and has no other fields", async () => {
    expect(await (await world.askOutside("/health")).json()).toEqual({ status: "ok" });
    expect((await world.askOutside("/health", { method: "HEAD" })).status).toBe(200);
  });

  test("the page introduces the server, loads nothing, and can't be framed", async () => {
    const response = await world.askOutside("/");
    const text = await response.text();
    expect(response.headers.get("Content-Type")).toStartWith("text/html");
    expect(response.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    expect(text).toContain("ten 1.2.3");
    expect(text).not.toMatch(/https?:|src=|href=|alice/);
  });

  test.each([
    "/api",
    "/api/",
    "/api/instances/",
    "/api/instances/notes:alice/",
    "/api/instances/notes:alice/nonsense",
    "/favicon.ico",
  ])("%s is 404", async (path) => {
    expect(await failureOf(await world.ask(path))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
    });
  });

  test.each([
    ["POST", "/api/instances", "GET"],
    ["PATCH", "/api/instances/notes:alice", "DELETE"],
    ["PUT", "/api/instances/notes:alice/env/", null],
    ["DELETE", "/api/instances/notes:alice/env", "GET, PATCH, PUT"],
    ["HEAD", "/api/logs/stream", "GET"],
    ["OPTIONS", "/api/tokens", "GET, POST"],
  ])("%s %s names the methods that are allowed: %p", async (method, path, allowed) => {
    const response = await world.ask(path, { method });
    expect(response.status).toBe(allowed === null ? 404 : 405);
    expect(response.headers.get("Allow")).toBe(allowed);
  });

  test.each(["a%b", "1.2.3.400", "a:99999", "[1:2]", "xn--a"])(
    "a Host that no URL can have, %s, leaves the path as it is",
    async (host) => {
      const headers = { Host: host };
      expect((await world.askOutside("/health?x=1", { headers })).status).toBe(200);
      expect((await world.askOutside("/api/instances", { headers })).status).toBe(401);
    },
  );

  test("answers are never cached", async () => {
    for (const path of ["/", "/health", "/api/instances", "/nothing"]) {
      expect((await world.ask(path)).headers.get("Cache-Control")).toBe("no-store");
    }
  });
});

describe("invalid requests", () => {
  const spawn = (body: unknown) => ({ method: "POST", path: "/api/instances/spawn", body });
  const weight = (body: unknown) => ({
    method: "PUT",
    path: "/api/instances/notes:alice/weight",
    body,
  });
  const env = (body: unknown) => ({ method: "PUT", path: "/api/instances/notes:alice/env", body });
  const get = (path: string) => ({ method: "GET", path, body: undefined });
  const named = { process: "notes", id: "carol" };

  test.each([
    [spawn("{"), 400, "its body is not JSON"],
    [spawn({}), 422, "process: expected a name; id: expected a name"],
    [spawn([]), 422, "expected"],
    [spawn({ ...named, wait: 1 }), 422, "wait: unknown field"],
    [spawn({ ...named, wieght: 1 }), 422, 'wieght: unknown field, did you mean "weight"?'],
    [spawn({ ...named, id: "Carol" }), 422, "id: expected 1 to 63 characters"],
    [spawn({ ...named, process: 5 }), 422, "process: expected a name"],
    [spawn({ ...named, weight: 101 }), 422, "weight: expected a whole number from 0 to 100"],
    [spawn({ ...named, weight: 1.5 }), 422, "weight: expected a whole number from 0 to 100"],
    [spawn({ ...named, weight: "5" }), 422, "weight: expected a whole number from 0 to 100"],
    [spawn({ ...named, start: "no" }), 422, "start: expected true or false"],
    [spawn({ ...named, env: { "A B": "x" } }), 422, "env.A B: expected a name of letters"],
    [spawn({ ...named, env: { A: 1 } }), 422, "env.A: expected a text"],
    [spawn({ ...named, env: { A: "x\0y" } }), 422, "env.A: expected a text without NUL"],
    [weight({}), 422, "weight: expected a whole number"],
    [weight({ weight: -1 }), 422, "weight: expected a whole number"],
    [weight({ weight: null }), 422, "weight: expected a whole number"],
    [env({ A: null }), 422, "A: expected a text"],
    [env("null"), 422, "expected an object of texts"],
    [
      { method: "POST", path: "/api/tokens", body: { tenant: "a:b" } },
      422,
      "tenant: expected 1 to",
    ],
    [
      { method: "POST", path: "/api/tokens", body: { description: "x".repeat(201) } },
      422,
      "at most",
    ],
    [
      { method: "DELETE", path: "/api/instances/notes:alice?purge=yes", body: undefined },
      422,
      "purge",
    ],
    [
      { method: "DELETE", path: "/api/instances/notes:alice?prge=true", body: undefined },
      422,
      "purge",
    ],
    [get("/api/instances?all=1"), 422, "all: expected true or false"],
    [get("/api/instances?al=true"), 422, 'al: unknown field, did you mean "all"?'],
    [get("/api/instances?all=true&all=false"), 422, "all: given twice"],
    [get("/api/instances/notes:alice/health?x=1"), 422, "x: unknown field"],
    [get("/api/instances/notes/health"), 422, "expected SERVICE:ID"],
    [get("/api/instances/notes:Alice/health"), 422, "is not a valid name"],
    [get("/api/instances/notes%ZZ/health"), 422, "expected SERVICE:ID"],
    [get("/api/logs?limit=0"), 422, "limit: expected a whole number from 1 to 10000"],
    [get("/api/logs?limit=10001"), 422, "limit: expected"],
    [get("/api/logs?level=debug"), 422, "level: expected stdout, stderr or server"],
    [get("/api/logs?since=yesterday"), 422, "expected a time"],
    [get("/api/logs/stream?process=A"), 422, "process: expected 1 to 63"],
    [get("/api/audit?limit=x"), 422, "limit: expected"],
  ])("%j is answered %d: %s", async ({ method, path, body }, status, message) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const failure = await failureOf(
      await world.ask(path, { method, ...(body === undefined ? {} : { body: text }) }),
    );
    expect(failure.status).toBe(status);
    expect(failure.error).toContain(message);
    expect(world.administration.orders).toEqual([]);
    expect(world.trail).toEqual([]);
  });

  test("a body over 64 KiB is refused, whether its length is declared or not", async () => {
    const large = JSON.stringify({ ...named, env: { A: "x".repeat(64 * 1024) } });
    const chunked = new Blob([large]).stream();
    for (const body of [large, chunked]) {
      const response = await world.ask("/api/instances/spawn", { method: "POST", body });
      expect(await failureOf(response)).toMatchObject({ status: 413, code: "BODY_TOO_LARGE" });
    }
    expect(world.administration.orders).toEqual([]);
  });
});

describe("a request whose head is over 16 KiB", () => {
  const tooLong = "x".repeat(17_000);

  test.each(CONTRACT.operations.map(({ method, path }) => [method, path] as const))(
    "%s %s is refused as the document declares",
    async (method, path) => {
      const asked = path.replace("{ref}", "notes:alice").replaceAll(/\{\w+\}/g, "1");
      expect((await world.ask(`${asked}?search=${tooLong}`, { method })).status).toBe(431);
      expect(world.administration.orders).toEqual([]);
    },
  );

  test("is reported as too long by the client", async () => {
    await expect(
      world.client().call("searchLogs", { query: { search: tooLong } }),
    ).rejects.toMatchObject({
      code: "REQUEST_INVALID",
      message: "Cannot send the request: it is too long",
    });
  });
});

describe("unexpected errors", () => {
  test("are reported to the server's log, and not to the caller", async () => {
    const fault = new TypeError("undefined is not a secret");
    world.administration.list = () => {
      throw fault;
    };
    const response = await world.ask("/api/instances");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(world.faults).toEqual([fault]);
    expect((await world.ask("/health")).status).toBe(200);
  });

  test("of the database have a code of their own", async () => {
    world.store[Symbol.dispose]();
    const response = await world.ask("/api/instances/notes:alice/stop", { method: "POST" });
    expect(await failureOf(response)).toMatchObject({ status: 503, code: "STORAGE_FAILED" });
  });
});

describe("the sockets", () => {
  test("are accessible to their owner only", () => {
    const { adminSocket, innerSocket } = world.server;
    expect(adminSocket).toBe(`${world.dataDir}/tenement.sock`);
    for (const path of [adminSocket, innerSocket]) expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(world.dataDir).mode & 0o777).toBe(0o700);
  });

  test("leave the umask of the process unchanged", () => {
    const before = process.umask();
    expect(before).not.toBe(0o177);
  });

  test("are gone after closing, with idle connections cut and streams ended", async () => {
    const { adminSocket, innerSocket } = world.server;
    const idle = connect(adminSocket);
    const closed = new Promise((resolve) => idle.once("close", resolve));
    await new Promise<void>((resolve) => idle.once("connect", resolve));
    const stream = await world.ask("/api/logs/stream");
    await world.close();
    await closed;
    expect(await stream.text()).toContain(": open");
    expect([adminSocket, innerSocket].filter((path) => existsSync(path))).toEqual([]);
  });

  test("the socket of a dead server is replaced", async () => {
    const { adminSocket } = world.server;
    await world.close();
    writeFileSync(adminSocket, "");
    await world.start();
    expect((await world.ask("/health")).status).toBe(200);
  });

  test("an earlier server loses its paths without a gap, and keeps its connections", async () => {
    const earlier = world.server;
    const stream = await world.ask("/api/logs/stream");
    await world.start();
    expect((await world.ask("/health")).status).toBe(200);
    await earlier.close();
    expect(await stream.text()).toContain(": open");
    expect((await world.ask("/health")).status).toBe(200);
  });

  test("a path that is too long is refused, with a hint", async () => {
    await using other = new ControlWorld();
    const long = `${other.dataDir}/${"x".repeat(100)}`;
    await expect(other.start(long)).rejects.toMatchObject({
      code: "LISTEN_FAILED",
      message: expect.stringMatching(/its path has \d+ bytes, 10[37] are possible/),
      hint: expect.stringContaining("--data-dir"),
    });
  });
});
