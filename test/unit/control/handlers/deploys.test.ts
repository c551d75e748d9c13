import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { RolloutEvent } from "../../../../src/control/wire/deploys.ts";
import { TenError } from "../../../../src/core/errors.ts";
import { lineOf } from "../fake-logs.ts";
import { ControlWorld } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  world.administration.addRunning("notes:v1");
  world.administration.add("notes:v2", { weight: 0 });
});

afterEach(() => world[Symbol.asyncDispose]());

const post = (path: string, body: unknown) =>
  world.ask(path, { method: "POST", body: JSON.stringify(body) });

const V1 = { service: "notes", id: "v1" };
const NO_START = new TenError("START_FAILED", 'Cannot start "notes:v3": exited with code 1');

describe("a deploy", () => {
  test("has a default weight and timeout, and is recorded with its weight", async () => {
    const answer = await post("/api/deploy", { process: "notes", version: "v3" });
    expect(await answer.json()).toEqual({
      instance: "notes:v3",
      socket: "127.0.0.1:30001",
      url: "http://v3.notes.localhost:8080",
      weight: 100,
      status: "healthy",
    });
    expect(world.deploys.orders).toEqual(["deploy notes:v3 100 30000"]);
    expect(world.trail).toEqual(["socket deploy notes:v3 100 done"]);
  });

  test("that fails answers with the last 50 lines, and is recorded as a failure", async () => {
    world.deploys.failure = NO_START;
    world.administration.add("notes:v3");
    world.logs.write(...Array.from({ length: 60 }, (_, n) => lineOf("notes:v3", `line ${n}`)));
    const answer = await post("/api/deploy", { process: "notes", version: "v3", weight: 5 });
    expect(answer.status).toBe(503);
    const { code, log } = (await answer.json()) as { code: string; log: string[] };
    expect(code).toBe("START_FAILED");
    expect(log).toHaveLength(50);
    expect(log.at(-1)).toBe("line 59");
    expect(world.trail).toEqual(["socket deploy notes:v3 5 START_FAILED"]);
  });

  test("with an invalid weight or timeout is refused", async () => {
    for (const wrong of [{ weight: 101 }, { timeout: 0 }, { version: "V 3" }, { extra: 1 }]) {
      const body = { process: "notes", version: "v3", ...wrong };
      expect((await post("/api/deploy", body)).status).toBe(422);
    }
  });
});

describe("a route", () => {
  test("answers with both weights and is recorded once", async () => {
    const answer = await post("/api/route", { process: "notes", from: "v1", to: "v2" });
    expect(await answer.json()).toEqual({
      from_instance: "notes:v1",
      to_instance: "notes:v2",
      from_weight: 0,
      to_weight: 100,
    });
    expect(world.trail).toEqual(["socket route notes:v1 notes:v2 done"]);
  });

  test("to itself is refused", async () => {
    const answer = await post("/api/route", { process: "notes", from: "v1", to: "v1" });
    expect(answer.status).toBe(422);
    expect(((await answer.json()) as { error: string }).error).toContain("expected two instances");
  });
});

describe("a rollout", () => {
  const eventsOf = async (parallel?: number) => {
    const events: RolloutEvent[] = [];
    const body = { process: "notes", ...(parallel === undefined ? {} : { parallel }) };
    for await (const event of world.client().rollout(body)) events.push(event);
    return events;
  };

  test("streams an event for each instance, and a summary", async () => {
    world.deploys.progress = [
      { kind: "begun", total: 1, health: "/health" },
      { kind: "replaced", ref: V1, tookMs: 12.4 },
    ];
    world.deploys.outcome = { replaced: [V1], skipped: [], failed: [], remaining: [] };
    expect(await eventsOf()).toEqual([
      { kind: "begun", total: 1, health: "/health" },
      { kind: "replaced", instance: "notes:v1", took_ms: 12 },
      { kind: "done", replaced: ["notes:v1"], skipped: [], failed: [], remaining: [] },
    ]);
    expect(world.deploys.orders).toEqual(["rollout notes 1"]);
    expect(world.trail).toEqual(["socket rollout notes done"]);
  });

  test("of more steps than are buffered streams its summary all the same", async () => {
    const steps = Array.from({ length: 30_000 }, () => ({ kind: "skipped", ref: V1 }) as const);
    world.deploys.progress = [{ kind: "begun", total: 1, health: "/health" }, ...steps];
    const events = await eventsOf();
    expect(events.length).toBeLessThan(steps.length);
    expect(events.map(({ kind }) => kind)).not.toContain(undefined);
    expect(events.at(-1)).toEqual({
      kind: "done",
      replaced: [],
      skipped: [],
      failed: [],
      remaining: [],
    });
  });

  test("that fails reports the reason, the log of the instance, and the remaining instances", async () => {
    const error = new TenError("START_FAILED", NO_START.message, { hint: "Make the table" });
    const failed = { ref: V1, error };
    world.logs.write(lineOf("notes:v1", "no such table"));
    world.logs.write(lineOf("notes:v1", "the process exited with code 1", { stream: "server" }));
    world.deploys.outcome = {
      replaced: [],
      skipped: [],
      failed: [failed],
      remaining: [{ service: "notes", id: "v2" }],
    };
    expect((await eventsOf(4)).slice(1)).toEqual([
      {
        kind: "failed",
        instance: "notes:v1",
        error: NO_START.message,
        hint: "Make the table",
        log: ["no such table"],
      },
      {
        kind: "done",
        replaced: [],
        skipped: [],
        failed: ["notes:v1"],
        remaining: ["notes:v2"],
      },
    ]);
    expect(world.trail).toEqual(["socket rollout notes START_FAILED"]);
  });

  test("of an unknown service is refused before it begins", async () => {
    const answer = await post("/api/rollout", { process: "none" });
    expect(answer.status).toBe(404);
    expect(((await answer.json()) as { code: string }).code).toBe("SERVICE_UNKNOWN");
  });
});

test("a tenant deploys, routes and rolls out nothing", async () => {
  const token = world.token("v1");
  const orders = [
    ["/api/deploy", { process: "notes", version: "v1" }],
    ["/api/route", { process: "notes", from: "v1", to: "v2" }],
    ["/api/rollout", { process: "notes" }],
  ] as const;
  for (const [path, body] of orders) {
    const answer = await world.askOutside(path, {
      method: "POST",
      body: JSON.stringify(body),
      token,
    });
    expect(answer.status).toBe(403);
  }
  expect(world.deploys.orders).toEqual([]);
});
