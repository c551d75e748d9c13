import { afterEach, beforeEach, expect, test } from "bun:test";
import type { TelemetryAnswer } from "../../../../src/control/wire/telemetry.ts";
import { parseRef } from "../../../../src/core/ref.ts";
import { ControlWorld } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  world.administration.addRunning("notes:alice", { restarts: 2 });
  world.administration.add("notes:bob");
  world.statistics.register(parseRef("notes:alice"));
  for (const status of [200, 200, 500]) {
    world.statistics.recordRequest(parseRef("notes:alice"), { status, durationMs: 4 });
  }
});

afterEach(() => world[Symbol.asyncDispose]());

test("the metrics are Prometheus text", async () => {
  const response = await world.ask("/metrics");
  expect(response.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
  const lines = (await response.text()).split("\n");
  expect(lines).toContain('ten_instances{state="asleep"} 1');
  expect(lines).toContain('ten_requests_total{service="notes",instance="alice",status="2xx"} 2');
});

test("telemetry has totals and each instance", async () => {
  const answer = (await (await world.ask("/api/telemetry")).json()) as TelemetryAnswer;
  expect(answer.summary).toMatchObject({
    instances: { running: 1, asleep: 1 },
    requests: 3,
    latency: { average_ms: 4, p50_ms: 3.75 },
    wake: { average_ms: null, p99_ms: null },
  });
  expect(answer.instances).toMatchObject([
    { id: "notes:alice", requests: 3, errors: 1, restarts: 2 },
    { id: "notes:bob", requests: 0, latency: { p50_ms: null } },
  ]);
});

test("both are permitted to administrators only", async () => {
  const token = world.token("alice");
  for (const path of ["/metrics", "/api/telemetry"]) {
    expect((await world.askOutside(path)).status).toBe(401);
    expect((await world.askOutside(path, { token })).status).toBe(403);
  }
});
