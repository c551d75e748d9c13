// The metrics of the server and its instances on the wire, as JSON.
import { z } from "zod";
import { REPORTED_STATES } from "../../core/life/report.ts";
import { state } from "./instances.ts";
import { json, type Operations, text } from "./operation.ts";
import { amount, count, refName } from "./wire.ts";

const latency = z
  .strictObject({
    average_ms: amount.nullable(),
    p50_ms: amount.nullable(),
    p95_ms: amount.nullable(),
    p99_ms: amount.nullable(),
  })
  .meta({ id: "Latency", description: "Null without requests" });
export type LatencyAnswer = z.output<typeof latency>;

const instanceTelemetry = z
  .strictObject({
    id: refName,
    state,
    restarts: count,
    requests: count,
    errors: count.describe("Answers of 500 and above"),
    memory_bytes: count.nullable(),
    latency,
  })
  .meta({ id: "InstanceTelemetry" });
export type InstanceTelemetryAnswer = z.output<typeof instanceTelemetry>;

export const telemetryAnswer = z
  .strictObject({
    summary: z.strictObject({
      instances: z
        .partialRecord(z.enum(REPORTED_STATES), count)
        .describe("By state; states without instances are left out"),
      requests: count,
      requests_unrouted: count,
      restarts: count,
      memory_bytes: count,
      log_lines_stored: count,
      log_lines_dropped: count,
      latency,
      wake: latency.describe("From the spawn to the first good health check"),
    }),
    instances: z.array(instanceTelemetry),
  })
  .meta({ id: "Telemetry", description: "Counts since the server started" });
export type TelemetryAnswer = z.output<typeof telemetryAnswer>;

export const TELEMETRY_OPERATIONS = {
  getTelemetry: {
    summary: "Get requests, latencies, restarts and memory, in total and by instance",
    action: "telemetry",
    answer: json(telemetryAnswer),
  },
  getMetrics: {
    summary: "Get the metrics",
    action: "telemetry",
    answer: text("text/plain", "Prometheus' text format"),
  },
} as const satisfies Operations;
