import { describe, expect, test } from "bun:test";
import { DurationHistogram } from "../../../src/metrics/histogram.ts";
import { renderMetrics } from "../../../src/metrics/prometheus.ts";
import { Statistics } from "../../../src/metrics/statistics.ts";

const ALICE = { service: "notes", id: "alice" };

/** With alice registered. */
function newStatistics(): Statistics {
  const statistics = new Statistics();
  statistics.register(ALICE);
  return statistics;
}

async function render(statistics: Statistics): Promise<string[]> {
  const text = await renderMetrics({
    statistics,
    states: new Map([["running", 2]]),
    memory: new Map([["notes:alice", 4096]]),
    storage: new Map([["notes:alice", 8192]]),
    quotas: new Map([["notes:alice", 10_000]]),
    logs: { stored: 7, dropped: 1 },
  });
  return text.split("\n");
}

describe("renderMetrics()", () => {
  test("counts requests by instance and status class", async () => {
    const statistics = newStatistics();
    for (const status of [200, 204, 503])
      statistics.recordRequest(ALICE, { status, durationMs: 3 });
    statistics.recordRequest(null, { status: 404, durationMs: 1 });
    const lines = await render(statistics);
    expect(lines).toContain('ten_requests_total{service="notes",instance="alice",status="2xx"} 2');
    expect(lines).toContain('ten_requests_total{service="notes",instance="alice",status="5xx"} 1');
    expect(lines).toContain("ten_requests_unrouted_total 1");
  });

  test("renders durations as a cumulative histogram in seconds", async () => {
    const statistics = newStatistics();
    for (const durationMs of [0.5, 3, 60_000])
      statistics.recordRequest(ALICE, { status: 200, durationMs });
    const lines = await render(statistics);
    const labels = 'service="notes",instance="alice"';
    const bucket = (le: string) => `ten_request_duration_seconds_bucket{${labels},le="${le}"}`;
    expect(lines).toContain(`${bucket("0.001")} 1`);
    expect(lines).toContain(`${bucket("0.005")} 2`);
    expect(lines).toContain(`${bucket("+Inf")} 3`);
    expect(lines).toContain(`ten_request_duration_seconds_count{${labels}} 3`);
    expect(lines).toContain(`ten_request_duration_seconds_sum{${labels}} 60.0035`);
  });

  test("renders wakes by phase, states, memory, storage and log lines", async () => {
    const statistics = newStatistics();
    statistics.recordWake({ queue: 0, spawn: 2, ready: null });
    statistics.recordRestart();
    const lines = await render(statistics);
    expect(lines).toContain('ten_wake_duration_seconds_count{phase="spawn"} 1');
    expect(lines).toContain('ten_wake_duration_seconds_count{phase="ready"} 0');
    expect(lines).toContain('ten_instances{state="running"} 2');
    expect(lines).toContain('ten_instances{state="failed"} 0');
    expect(lines).toContain('ten_instance_memory_bytes{service="notes",instance="alice"} 4096');
    expect(lines).toContain('ten_instance_storage_bytes{service="notes",instance="alice"} 8192');
    expect(lines).toContain(
      'ten_instance_storage_quota_bytes{service="notes",instance="alice"} 10000',
    );
    expect(lines).toContain("ten_log_lines_dropped_total 1");
    expect(lines).toContain("ten_restarts_total 1");
  });

  test("renders the help and the type of every metric once", async () => {
    const lines = await render(new Statistics());
    const names = lines
      .filter((line) => line.startsWith("# TYPE "))
      .map((line) => line.split(" ")[2]);
    expect(new Set(names).size).toBe(names.length);
    expect(lines.filter((line) => line.startsWith("# HELP "))).toHaveLength(names.length);
  });

  test("omits the counts of a forgotten instance", async () => {
    const statistics = newStatistics();
    statistics.recordRequest(ALICE, { status: 200, durationMs: 1 });
    statistics.forget(ALICE);
    expect((await render(statistics)).filter((line) => line.includes('status="2xx"'))).toEqual([]);
  });

  test("counts a request of an unregistered instance as unrouted, under no name", async () => {
    const statistics = newStatistics();
    statistics.forget(ALICE);
    statistics.recordRequest(ALICE, { status: 200, durationMs: 1 });
    statistics.recordRequest({ service: "notes", id: "x1" }, { status: 503, durationMs: 1 });
    const lines = await render(statistics);
    expect(lines.filter((line) => /alice|x1/.test(line) && line.includes("request"))).toEqual([]);
    expect(lines).toContain("ten_requests_unrouted_total 2");
  });
});

describe("quantile()", () => {
  test("interpolates between the bounds around it", () => {
    const histogram = new DurationHistogram();
    for (let i = 0; i < 100; i++) histogram.add(7);
    expect(histogram.quantile(0.5)).toBe(7.5);
    expect(histogram.quantile(1)).toBe(10);
  });

  test("is null without samples, and the last bound beyond every bound", () => {
    const histogram = new DurationHistogram();
    expect(histogram.quantile(0.5)).toBeNull();
    histogram.add(1e9);
    expect(histogram.quantile(0.5)).toBe(30_000);
  });
});
