import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TenError } from "../../../../src/core/errors.ts";
import { lineOf } from "../fake-logs.ts";
import { ControlWorld } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  world.administration.addRunning("notes:alice");
  world.administration.add("notes:bob");
});

afterEach(() => world[Symbol.asyncDispose]());

const send = (method: string, path: string, body?: unknown) =>
  world.ask(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

async function failureOf(response: Response): Promise<Record<string, unknown>> {
  return { status: response.status, ...((await response.json()) as object) };
}

describe("the list", () => {
  test("has all fields of the contract for a running instance", async () => {
    const gaps = ["they reach other tenants' ports: nft is not installed"];
    world.administration.addRunning("notes:alice", { storageQuotaBytes: 1000, gaps });
    mkdirSync(join(world.dataDir, "notes/alice"), { recursive: true });
    writeFileSync(join(world.dataDir, "notes/alice/db"), "x");
    const { used_bytes: used } = await world
      .client()
      .call("getStorage", { params: { ref: "notes:alice" } });
    const [alice] = (await (await world.ask("/api/instances")).json()) as [object];
    expect(alice).toEqual({
      id: "notes:alice",
      service: "notes",
      instance: "alice",
      state: "running",
      reason: null,
      warnings: [],
      socket: "127.0.0.1:30001",
      url: "http://alice.notes.localhost:8080",
      pid: 4711,
      port: 30_001,
      uptime_secs: 65,
      idle_secs: 1,
      restarts: 0,
      health: "healthy",
      weight: 100,
      memory_bytes: 12_900_000,
      storage_used_bytes: used,
      storage_quota_bytes: 1000,
      gaps,
    });
  });

  test("leaves out instances at rest, unless all are requested", async () => {
    world.administration.add("notes:carol", { state: "failed", health: "failed" });
    world.administration.add("notes:dan", { state: "waiting", health: "unhealthy" });
    world.administration.add("notes:eve", { state: "stopped", health: "stopped" });
    world.administration.add("notes:fay", { state: "disabled", health: "disabled" });
    const names = (list: readonly { id: string }[]) => list.map(({ id }) => id);
    expect(names(await world.client().call("listInstances"))).toEqual([
      "notes:alice",
      "notes:carol",
      "notes:dan",
    ]);
    expect(
      names(await world.client().call("listInstances", { query: { all: "true" } })),
    ).toHaveLength(6);
  });

  test("shows a tenant its own instances only", async () => {
    world.administration.add("wiki:alice");
    const token = world.token("alice");
    const text = await (await world.askOutside("/api/instances?all=true", { token })).text();
    expect((JSON.parse(text) as { id: string }[]).map(({ id }) => id)).toEqual([
      "notes:alice",
      "wiki:alice",
    ]);
    expect(text).not.toContain("bob");
  });
});

describe("spawn", () => {
  test("registers, starts and answers with the address", async () => {
    const response = await send("POST", "/api/instances/spawn", {
      process: "notes",
      id: "carol",
      env: { COLOR: "blue" },
      weight: 7,
    });
    expect(await response.json()).toEqual({
      instance: "notes:carol",
      socket: "127.0.0.1:30001",
      port: 30_001,
      url: "http://carol.notes.localhost:8080",
      state: "running",
    });
    expect(world.administration.orders).toEqual(["register notes:carol", "start notes:carol"]);
    expect(world.administration.env.get("notes:carol")).toEqual({ COLOR: "blue" });
    expect(world.administration.views.get("notes:carol")?.weight).toBe(7);
    expect(world.trail).toEqual(["socket spawn notes:carol done"]);
  });

  test("starts nothing with start: false", async () => {
    const answer = await world
      .client()
      .call("spawnInstance", { body: { process: "notes", id: "carol", start: false } });
    expect(answer).toMatchObject({ socket: null, port: null, state: "asleep" });
    expect(world.administration.orders).toEqual(["register notes:carol"]);
  });

  test("a failed start is reported with the last lines of the instance, and recorded", async () => {
    world.administration.startFailure = new TenError(
      "START_FAILED",
      'Cannot start "notes:carol": it exited with code 1',
      { hint: "Read its log" },
    );
    for (let line = 1; line <= 30; line++) world.logs.write(lineOf("notes:carol", `line ${line}`));
    world.logs.write(lineOf("notes:alice", "not this"));
    world.logs.write(lineOf("notes:carol", "the process exited with code 1", { stream: "server" }));
    const failure = await failureOf(
      await send("POST", "/api/instances/spawn", { process: "notes", id: "carol" }),
    );
    expect(failure).toEqual({
      status: 503,
      error: 'Cannot start "notes:carol": it exited with code 1',
      code: "START_FAILED",
      hint: "Read its log",
      log: Array.from({ length: 19 }, (_, index) => `line ${index + 12}`),
    });
    expect(world.trail).toEqual(["socket spawn notes:carol START_FAILED"]);
  });

  test("an unknown service is 404", async () => {
    const body = { process: "wiki", id: "carol" };
    expect(await failureOf(await send("POST", "/api/instances/spawn", body))).toMatchObject({
      status: 404,
      code: "SERVICE_UNKNOWN",
    });
  });
});

describe("orders", () => {
  test.each([
    ["start", "running"],
    ["stop", "stopped"],
    ["sleep", "asleep"],
    ["restart", "running"],
    ["disable", "disabled"],
    ["enable", "asleep"],
  ])("%s answers with the instance, which is then %s", async (order, state) => {
    const response = await send("POST", `/api/instances/notes:alice/${order}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: "notes:alice", state });
    expect(world.administration.orders).toEqual([`${order} notes:alice`]);
    expect(world.trail).toEqual([`socket ${order} notes:alice done`]);
  });

  test("a name may be written with an escaped colon", async () => {
    expect((await send("POST", "/api/instances/notes%3Aalice/stop")).status).toBe(200);
  });

  test("a conflict is 409, with its outcome recorded", async () => {
    world.administration.add("notes:alice", { state: "disabled" });
    const failure = await failureOf(await send("POST", "/api/instances/notes:alice/start"));
    expect(failure).toMatchObject({ status: 409, code: "CONFLICT" });
    expect(world.trail).toEqual(["socket start notes:alice CONFLICT"]);
  });

  test.each([
    ["", "stop notes:alice", "stop", true],
    ["?unregister=true", "remove notes:alice", "remove", false],
    ["?purge=true", "purge notes:alice", "remove", false],
    ["?purge=false", "stop notes:alice", "stop", true],
  ])("DELETE with %p does: %s", async (query, order, action, stays) => {
    const response = await send("DELETE", `/api/instances/notes:alice${query}`);
    expect(response.status).toBe(204);
    expect(await response.text()).toBe("");
    expect(world.administration.orders).toEqual([order]);
    expect(world.administration.views.has("notes:alice")).toBe(stays);
    expect(world.trail).toEqual([`socket ${action} notes:alice done`]);
  });

  test("weight", async () => {
    const response = await send("PUT", "/api/instances/notes:alice/weight", { weight: 0 });
    expect(await response.json()).toEqual({ instance: "notes:alice", weight: 0 });
    expect(world.trail).toEqual(["socket weight notes:alice done"]);
  });
});

describe("reading", () => {
  test("health", async () => {
    expect(await (await world.ask("/api/instances/notes:bob/health")).json()).toEqual({
      instance: "notes:bob",
      health: "asleep",
    });
  });

  test("storage, with and without a quota", async () => {
    const path = join(world.dataDir, "notes/alice");
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "db"), Buffer.alloc(100_000, "x"));
    const free = await world.client().call("getStorage", { params: { ref: "notes:alice" } });
    expect(free).toEqual({
      used_bytes: expect.any(Number),
      at_least: false,
      quota_bytes: null,
      usage_percent: null,
      path,
    });
    world.administration.addRunning("notes:alice", { storageQuotaBytes: free.used_bytes * 2 });
    expect(await world.client().call("getStorage", { params: { ref: "notes:alice" } })).toEqual({
      ...free,
      quota_bytes: free.used_bytes * 2,
      usage_percent: 50,
    });
  });

  test("the story, with its moments as dates", async () => {
    world.administration.stories.set("notes:alice", {
      openRequests: 2,
      openTunnels: 1,
      sleepsAt: Date.UTC(2026, 0, 1),
      lastWake: {
        at: Date.UTC(2026, 0, 2),
        by: "a request from 203.0.113.7",
        queuedMs: 0,
        launchMs: 4.5,
        readyMs: null,
      },
      lastExit: { at: Date.UTC(2026, 0, 3), reason: "idle" },
    });
    expect(await (await world.ask("/api/instances/notes:alice/why")).json()).toEqual({
      instance: "notes:alice",
      state: "running",
      reason: null,
      warnings: [],
      uptime_secs: 65,
      idle_secs: 1,
      open_requests: 2,
      open_tunnels: 1,
      sleeps_at: "2026-01-01T00:00:00.000Z",
      retries_at: null,
      last_wake: {
        at: "2026-01-02T00:00:00.000Z",
        by: "a request from 203.0.113.7",
        queued_ms: 0,
        launch_ms: 4.5,
        ready_ms: null,
      },
      last_exit: { at: "2026-01-03T00:00:00.000Z", reason: "idle" },
    });
  });

  test.each(["health", "storage", "why", "env"])(
    "%s of an unknown instance is 404",
    async (what) => {
      const failure = await failureOf(await world.ask(`/api/instances/notes:zed/${what}`));
      expect(failure).toMatchObject({ status: 404, code: "INSTANCE_UNKNOWN" });
    },
  );
});

describe("the environment", () => {
  const path = "/api/instances/notes:alice/env";
  beforeEach(() =>
    world.administration.env.set("notes:alice", { COLOR: "red", API_KEY: "s3cret" }),
  );

  test("is shown with its secrets masked", async () => {
    expect(await (await world.ask(path)).json()).toEqual({
      instance: "notes:alice",
      env: { COLOR: "red", API_KEY: "********" },
    });
  });

  test("PATCH sets some names and unsets others", async () => {
    await send("PATCH", path, { SIZE: "10", COLOR: null });
    expect(world.administration.env.get("notes:alice")).toEqual({ API_KEY: "s3cret", SIZE: "10" });
    expect(world.trail).toEqual(["socket set-env notes:alice done"]);
  });

  test("PUT replaces all of it", async () => {
    await send("PUT", path, { SIZE: "10", COLOR: "blue" });
    expect(world.administration.env.get("notes:alice")).toEqual({ COLOR: "blue", SIZE: "10" });
  });
});

describe("a tenant", () => {
  const ask = (method: string, path: string, body?: unknown) =>
    world.askOutside(path, {
      method,
      token: world.token("alice"),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  test.each([
    ["POST", "/start"],
    ["POST", "/stop"],
    ["POST", "/restart"],
    ["DELETE", ""],
    ["GET", "/health"],
    ["GET", "/storage"],
  ])("may %s %s its own, and nobody else's, be there one or not", async (method, path) => {
    expect((await ask(method, `/api/instances/notes:alice${path}`)).ok).toBe(true);
    const [bob, nobody] = await Promise.all(
      ["notes:bob", "notes:nobody"].map(async (name) =>
        failureOf(await ask(method, `/api/instances/${name}${path}`)),
      ),
    );
    expect(bob).toMatchObject({ status: 403, code: "FORBIDDEN" });
    expect(nobody).toEqual(bob ?? {});
  });

  test.each([
    ["POST", "/api/instances/notes:alice/sleep", undefined],
    ["POST", "/api/instances/notes:alice/disable", undefined],
    ["POST", "/api/instances/notes:alice/enable", undefined],
    ["DELETE", "/api/instances/notes:alice?unregister=true", undefined],
    ["DELETE", "/api/instances/notes:alice?purge=true", undefined],
    ["PUT", "/api/instances/notes:alice/weight", { weight: 1 }],
    ["GET", "/api/instances/notes:alice/why", undefined],
    ["GET", "/api/instances/notes:alice/env", undefined],
    ["PATCH", "/api/instances/notes:alice/env", {}],
    ["PUT", "/api/instances/notes:alice/env", {}],
    ["POST", "/api/instances/spawn", { process: "notes", id: "alice" }],
    ["GET", "/api/tokens", undefined],
    ["POST", "/api/tokens", {}],
    ["DELETE", "/api/tokens/1", undefined],
    ["GET", "/api/audit", undefined],
  ])("may not %s %s", async (method, path, body: unknown) => {
    expect(await failureOf(await ask(method, path, body))).toMatchObject({ status: 403 });
    expect(world.administration.orders).toEqual([]);
  });

  test("is recorded with its token, also for refused changes", async () => {
    await ask("POST", "/api/instances/notes:alice/stop");
    await ask("POST", "/api/instances/notes:bob/stop");
    await ask("POST", "/api/instances/spawn", {});
    expect(world.trail).toEqual([
      "token 1 stop notes:alice done",
      "token 2 stop notes:bob FORBIDDEN",
      "token 3 spawn - FORBIDDEN",
    ]);
  });
});
