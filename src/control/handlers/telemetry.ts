// Handlers for metrics: Prometheus' text format, and JSON.
import type { ReportedState } from "../../core/life/report.ts";
import { formatRef } from "../../core/ref.ts";
import { DurationHistogram } from "../../metrics/histogram.ts";
import { METRICS_CONTENT_TYPE, renderMetrics } from "../../metrics/prometheus.ts";
import type { InstanceTraffic } from "../../metrics/statistics.ts";
import type { InstanceView } from "../../supervisor/administration.ts";
import type { Call } from "../call.ts";
import type { InstanceTelemetryAnswer, LatencyAnswer, TelemetryAnswer } from "../wire/telemetry.ts";

export async function getMetrics({ world }: Call): Promise<Response> {
  const { administration, logs, statistics } = world;
  const views = administration.list();
  const refs = views.map(({ ref }) => ref);
  const [memory, storage] = await Promise.all([
    administration.memory(refs),
    administration.storage(refs),
  ]);
  const states = countStates(views);
  const quotas = new Map(
    views.flatMap(({ ref, storageQuotaBytes: quota }) =>
      quota === null ? [] : [[formatRef(ref), quota] as const],
    ),
  );
  const sources = { statistics, memory, storage, quotas, states, logs: logs.counters() };
  const headers = { "Content-Type": METRICS_CONTENT_TYPE, "Cache-Control": "no-store" };
  return new Response(await renderMetrics(sources), { headers });
}

export async function getTelemetry({ world }: Call): Promise<TelemetryAnswer> {
  const { administration, logs, statistics } = world;
  const views = administration.list();
  const memory = await administration.memory(views.map(({ ref }) => ref));
  const all = new DurationHistogram();
  for (const { durations } of statistics.traffic.values()) all.merge(durations);
  const { stored, dropped } = logs.counters();
  return {
    summary: {
      instances: Object.fromEntries(countStates(views)),
      requests: all.count,
      requests_unrouted: statistics.unrouted,
      restarts: statistics.restarts,
      memory_bytes: [...memory.values()].reduce((sum, bytes) => sum + bytes, 0),
      log_lines_stored: stored,
      log_lines_dropped: dropped,
      latency: describeLatency(all),
      wake: describeLatency(statistics.wakes.ready),
    },
    instances: views.map((view) => {
      const key = formatRef(view.ref);
      const traffic = statistics.traffic.get(key) ?? null;
      return describeInstance(view, { traffic, memoryBytes: memory.get(key) ?? null });
    }),
  };
}

function describeInstance(
  { ref, state, restarts }: InstanceView,
  { traffic, memoryBytes }: { traffic: InstanceTraffic | null; memoryBytes: number | null },
): InstanceTelemetryAnswer {
  const durations = traffic?.durations ?? new DurationHistogram();
  return {
    id: formatRef(ref),
    state,
    restarts,
    requests: durations.count,
    errors: traffic?.requests["5xx"] ?? 0,
    memory_bytes: memoryBytes,
    latency: describeLatency(durations),
  };
}

function describeLatency(durations: DurationHistogram): LatencyAnswer {
  const { count, sumMs } = durations;
  return {
    average_ms: count === 0 ? null : sumMs / count,
    p50_ms: durations.quantile(0.5),
    p95_ms: durations.quantile(0.95),
    p99_ms: durations.quantile(0.99),
  };
}

function countStates(views: readonly InstanceView[]): ReadonlyMap<ReportedState, number> {
  const counts = new Map<ReportedState, number>();
  for (const { state } of views) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
