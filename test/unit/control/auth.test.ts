import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CLIENT_HEADER } from "../../../src/core/access.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { ControlWorld } from "./fakes.ts";

let clock: FakeClock;
let world: ControlWorld;

beforeEach(async () => {
  clock = new FakeClock();
  world = await ControlWorld.open(clock);
  world.administration.addRunning("notes:alice");
});

afterEach(() => world[Symbol.asyncDispose]());

async function codeOf(response: Response): Promise<string> {
  const body = (await response.json()) as { code: string };
  return `${response.status} ${body.code}`;
}

describe("tokens", () => {
  test("the administrator's socket needs none", async () => {
    expect((await world.ask("/api/instances")).status).toBe(200);
  });

  test.each([
    ["X-Forwarded-For", "203.0.113.7"],
    ["x-forwarded-anything", "1"],
    ["Forwarded", "for=203.0.113.7"],
    ["Via", "1.1 proxy"],
  ])("the administrator's socket refuses a request of a proxy, with %s", async (name, value) => {
    const headers = { [name]: value };
    for (const [method, path] of [
      ["GET", "/health"],
      ["GET", "/"],
      ["POST", "/api/tokens"],
    ] as const) {
      const response = await world.ask(path, { method, headers });
      expect(response.status).toBe(403);
      expect(await response.json()).toEqual({
        error: `Cannot do that: the request comes through a proxy, as its ${name.toLowerCase()} header says`,
        code: "FORBIDDEN",
        hint: "Let the proxy use the public address, with a token of ten token-gen",
      });
    }
    expect(world.trail).toEqual([]);
  });

  test.each([
    ["no header", {}],
    ["an empty token", { Authorization: "Bearer " }],
    ["another scheme", { Authorization: "Basic YWRtaW46YWRtaW4=" }],
  ])("the inner socket refuses %s, with a hint", async (_, headers: Record<string, string>) => {
    const response = await world.askOutside("/api/instances", { headers });
    expect(response.headers.get("WWW-Authenticate")).toStartWith("Bearer");
    expect(await codeOf(response)).toBe("401 UNAUTHENTICATED");
  });

  test("a wrong token is refused, a right one accepted; the scheme is case-insensitive", async () => {
    const token = world.token(null);
    expect(await codeOf(await world.askOutside("/api/audit", { token: `${token}x` }))).toBe(
      "401 UNAUTHENTICATED",
    );
    const headers = { Authorization: `bEARER ${token}` };
    expect((await world.askOutside("/api/audit", { headers })).status).toBe(200);
  });

  test("a revoked token is refused", async () => {
    const token = world.token(null);
    await world.client().call("revokeToken", { params: { token: "1" } });
    expect((await world.askOutside("/api/audit", { token })).status).toBe(401);
  });

  test("a token is required before a body is read or a name looked up", async () => {
    for (const path of ["/api/instances/notes:nobody/start", "/api/instances/spawn"]) {
      const response = await world.askOutside(path, { method: "POST", body: "{" });
      expect(response.status).toBe(401);
    }
  });

  test.each(["/health", "/"])("%s is public", async (path) => {
    expect((await world.askOutside(path)).status).toBe(200);
    expect((await world.askOutside(path, { token: "wrong" })).status).toBe(200);
  });
});

describe("wrong tokens", () => {
  const attempt = (address: string, token = "wrong") =>
    world.askOutside("/api/audit", { token, headers: { [CLIENT_HEADER]: address } });

  async function exhaust(address: string): Promise<void> {
    for (let count = 0; count < 10; count++) expect((await attempt(address)).status).toBe(401);
  }

  test("after ten within a minute the address has to wait before another one is looked at", async () => {
    await exhaust("203.0.113.7");
    const refused = await attempt("203.0.113.7");
    expect(refused.headers.get("Retry-After")).toBe("60");
    expect(await codeOf(refused)).toBe("429 RATE_LIMITED");
    await clock.advance(60_000);
    expect((await attempt("203.0.113.7")).status).toBe(401);
  });

  test("a right token works whatever came before it from its address", async () => {
    const token = world.token(null);
    await exhaust("127.0.0.1");
    expect((await attempt("127.0.0.1")).status).toBe(429);
    expect((await attempt("127.0.0.1", token)).status).toBe(200);
  });

  test("other addresses and the administrator's socket need not wait", async () => {
    await exhaust("203.0.113.7");
    expect((await attempt("203.0.113.8")).status).toBe(401);
    expect((await world.ask("/api/audit")).status).toBe(200);
  });

  test("the address is that which the proxy names, not that of X-Forwarded-For", async () => {
    await exhaust("203.0.113.7");
    const headers = { [CLIENT_HEADER]: "203.0.113.7", "X-Forwarded-For": "10.9.9.9" };
    expect((await world.askOutside("/api/audit", { token: "wrong", headers })).status).toBe(429);
  });
});

describe("requests of other sites", () => {
  const send = (headers: Record<string, string>) =>
    world.ask("/api/instances/notes:alice/sleep", {
      method: "POST",
      headers: { Host: "example.com", ...headers },
    });

  test.each([
    ["another site", { "Sec-Fetch-Site": "cross-site" }],
    ["a tenant's page", { "Sec-Fetch-Site": "same-site" }],
    ["another origin", { Origin: "https://evil.example" }],
    ["a tenant's origin", { Origin: "https://alice.notes.example.com" }],
    ["no origin to speak of", { Origin: "null" }],
    ["another port", { Origin: "https://example.com:8443" }],
  ])("%s changes nothing", async (_, headers) => {
    expect(await codeOf(await send(headers))).toBe("403 FORBIDDEN");
    expect(world.administration.orders).toEqual([]);
  });

  test.each([
    ["a program", {}],
    ["the address bar", { "Sec-Fetch-Site": "none" }],
    ["our own page", { "Sec-Fetch-Site": "same-origin", Origin: "https://example.com" }],
  ])("%s may", async (_, headers: Record<string, string>) => {
    expect((await send(headers)).status).toBe(200);
  });

  test("no header permits them to read", async () => {
    const response = await world.ask("/api/instances", {
      headers: { Origin: "https://x.example" },
    });
    expect([...response.headers.keys()].filter((name) => name.includes("access-control"))).toEqual(
      [],
    );
  });
});
