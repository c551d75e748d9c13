// The metrics in Prometheus' text format: each is defined here once, and collected at each scrape.
import { Registry } from "prom-client";
import { REPORTED_STATES, type ReportedState } from "../core/life/report.ts";
import type { LogCounters } from "../logs/hub.ts";
import { BOUNDS_MS, type DurationHistogram } from "./histogram.ts";
import { CONNECTION_FATES, STATUS_CLASSES, type Statistics, WAKE_PHASES } from "./statistics.ts";

export interface MetricSources {
  readonly statistics: Statistics;
  readonly states: ReadonlyMap<ReportedState, number>;
  /** Resident bytes by instance key. */
  readonly memory: ReadonlyMap<string, number>;
  /** Bytes stored by instance key, as far as measured; and the quotas of the instances that have one. */
  readonly storage: ReadonlyMap<string, number>;
  readonly quotas: ReadonlyMap<string, number>;
  readonly logs: LogCounters;
}

type Labels = Readonly<Record<string, string | number>>;

interface Value {
  readonly value: number;
  readonly labels: Labels;
  /** Set where it differs from the metric's own name. */
  readonly metricName?: string;
}

/** In the form that the registry renders. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly Value[];
}

/** The whole of `/metrics`. */
export async function renderMetrics(sources: MetricSources): Promise<string> {
  const registry = new Registry();
  for (const metric of planMetrics(sources)) {
    // The registry's types require more than it uses.
    registry.registerMetric({ name: metric.name, get: async () => metric } as never);
  }
  return registry.metrics();
}

export const METRICS_CONTENT_TYPE = new Registry().contentType;

function planMetrics(sources: MetricSources): Metric[] {
  return [...planTraffic(sources.statistics), ...planInstances(sources), ...planServer(sources)];
}

function planTraffic(statistics: Statistics): Metric[] {
  const traffic = [...statistics.traffic.values()];
  return [
    counter("ten_requests_total", "Requests by instance and status class", [
      ...traffic.flatMap(({ ref, requests }) =>
        STATUS_CLASSES.map((status) =>
          of(requests[status], { service: ref.service, instance: ref.id, status }),
        ),
      ),
    ]),
    counter("ten_requests_unrouted_total", "Requests that no instance was found for", [
      of(statistics.unrouted),
    ]),
    counter(
      "ten_connections_ended_total",
      "Connections of clients that were refused or ended for want of room, or since the client took nothing",
      CONNECTION_FATES.map((reason) => of(statistics.connections[reason], { reason })),
    ),
    histogram(
      "ten_request_duration_seconds",
      "From a request's head to the last byte of its answer",
      traffic.map(({ ref, durations }) => ({
        labels: { service: ref.service, instance: ref.id },
        durations,
      })),
    ),
  ];
}

function planInstances({ statistics, states, memory, quotas, storage }: MetricSources): Metric[] {
  return [
    histogram(
      "ten_wake_duration_seconds",
      "Starts by phase: waiting for a turn, spawning, getting ready",
      WAKE_PHASES.map((phase) => ({ labels: { phase }, durations: statistics.wakes[phase] })),
    ),
    counter("ten_restarts_total", "Restarts after a crash", [of(statistics.restarts)]),
    gauge(
      "ten_instances",
      "Registered instances by state",
      REPORTED_STATES.map((state) => of(states.get(state) ?? 0, { state })),
    ),
    gauge(
      "ten_instance_memory_bytes",
      "Memory of an instance's processes, pages that they share counted once",
      [...memory].map(([key, bytes]) => of(bytes, instanceLabels(key))),
    ),
    gauge(
      "ten_instance_storage_bytes",
      "Disk that an instance's files take, as of the latest measurement",
      [...storage].map(([key, bytes]) => of(bytes, instanceLabels(key))),
    ),
    gauge(
      "ten_instance_storage_quota_bytes",
      "Disk that an instance's files may take",
      [...quotas].map(([key, bytes]) => of(bytes, instanceLabels(key))),
    ),
  ];
}

function planServer({ logs, statistics }: MetricSources): Metric[] {
  return [
    counter("ten_log_lines_stored_total", "Log lines kept", [of(logs.stored)]),
    counter("ten_log_lines_dropped_total", "Log lines dropped for want of room", [
      of(logs.dropped),
    ]),
    counter(
      "ten_unhandled_errors_total",
      "Faults of the server, each with its error in its output",
      [of(statistics.unhandledErrors)],
    ),
    ...planProcessMetrics(),
  ];
}

/** Metrics of the server's process, by the names of Prometheus' client libraries. */
function planProcessMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    counter("process_cpu_seconds_total", "CPU time of the server", [of((user + system) / 1e6)]),
    gauge("process_resident_memory_bytes", "Resident memory of the server", [
      of(process.memoryUsage.rss()),
    ]),
    gauge("process_start_time_seconds", "When the server started", [
      of(Date.now() / 1000 - process.uptime()),
    ]),
  ];
}

function instanceLabels(key: string): Labels {
  const [service = "", instance = ""] = key.split(":");
  return { service, instance };
}

function of(value: number, labels: Labels = {}): Value {
  return { value, labels };
}

function counter(name: string, help: string, values: Value[]): Metric {
  return { name, help, type: "counter", values };
}

function gauge(name: string, help: string, values: Value[]): Metric {
  return { name, help, type: "gauge", values };
}

function histogram(
  name: string,
  help: string,
  series: readonly { readonly labels: Labels; readonly durations: DurationHistogram }[],
): Metric {
  const values = series.flatMap(({ labels, durations }) => {
    let below = 0;
    const buckets = durations.counts.map((count, slot) => {
      below += count;
      const bound = BOUNDS_MS[slot];
      const le = bound === undefined ? "+Inf" : bound / 1000;
      return { metricName: `${name}_bucket`, value: below, labels: { ...labels, le } };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, value: durations.sumMs / 1000, labels },
      { metricName: `${name}_count`, value: durations.count, labels },
    ];
  });
  return { name, help, type: "histogram", values };
}
