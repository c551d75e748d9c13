// An example request and answer for each operation of the API; a test checks them against the OpenAPI document.
import type { OperationName } from "../src/control/wire/endpoints.ts";

export interface ApiExample {
  /** The path with its query. */
  readonly path: string;
  readonly body?: unknown;
  /** JSON, or the text of another answer. */
  readonly answer?: unknown;
  /** Of a WebSocket, those of text. */
  readonly messages?: readonly { readonly by: "client" | "server"; readonly message: unknown }[];
}

const ALICE = "/api/instances/notes:alice";

const instance = {
  id: "notes:alice",
  service: "notes",
  instance: "alice",
  state: "running",
  reason: null,
  warnings: [],
  url: "http://alice.notes.example.com",
  socket: "127.0.0.1:30001",
  pid: 4711,
  port: 30_001,
  uptime_secs: 65,
  idle_secs: 2,
  restarts: 0,
  health: "healthy",
  weight: 100,
  memory_bytes: 12_900_000,
  storage_used_bytes: 40_960,
  storage_quota_bytes: 104_857_600,
  gaps: [],
};

const atRest = (state: string) => ({
  ...instance,
  state,
  health: state,
  socket: null,
  pid: null,
  port: null,
  uptime_secs: null,
  idle_secs: null,
  memory_bytes: null,
});

const latency = { average_ms: 4.2, p50_ms: 3.75, p95_ms: 9.1, p99_ms: 14.8 };

export const API_EXAMPLES: Readonly<Record<OperationName, ApiExample>> = {
  showPage: { path: "/", answer: "<!doctype html>…" },
  getServerHealth: { path: "/health", answer: { status: "ok" } },
  getOpenApi: { path: "/api/openapi.json", answer: { openapi: "3.1.1" } },
  listInstances: { path: "/api/instances?all=true", answer: [instance] },
  spawnInstance: {
    path: "/api/instances/spawn",
    body: { process: "notes", id: "alice", env: { COLOR: "blue" }, weight: 50 },
    answer: {
      instance: "notes:alice",
      socket: "127.0.0.1:30001",
      port: 30_001,
      url: "http://alice.notes.example.com",
      state: "running",
    },
  },
  deleteInstance: { path: `${ALICE}?purge=true` },
  startInstance: { path: `${ALICE}/start`, answer: instance },
  stopInstance: { path: `${ALICE}/stop`, answer: atRest("stopped") },
  restartInstance: { path: `${ALICE}/restart`, answer: instance },
  sleepInstance: { path: `${ALICE}/sleep`, answer: atRest("asleep") },
  disableInstance: { path: `${ALICE}/disable`, answer: atRest("disabled") },
  enableInstance: { path: `${ALICE}/enable`, answer: atRest("asleep") },
  setWeight: {
    path: `${ALICE}/weight`,
    body: { weight: 10 },
    answer: { instance: "notes:alice", weight: 10 },
  },
  getHealth: {
    path: `${ALICE}/health`,
    answer: { instance: "notes:alice", health: "healthy" },
  },
  getStorage: {
    path: `${ALICE}/storage`,
    answer: {
      used_bytes: 40_960,
      at_least: false,
      quota_bytes: 104_857_600,
      usage_percent: 0.04,
      path: "/var/lib/tenement/notes/alice",
    },
  },
  getStory: {
    path: `${ALICE}/why`,
    answer: {
      instance: "notes:alice",
      state: "running",
      reason: null,
      warnings: [],
      uptime_secs: 65,
      idle_secs: 2,
      open_requests: 0,
      open_tunnels: 0,
      sleeps_at: "2026-01-31T12:05:00.000Z",
      retries_at: null,
      last_wake: {
        at: "2026-01-31T12:00:00.000Z",
        by: "a request from 203.0.113.7",
        queued_ms: 0.1,
        launch_ms: 2.3,
        ready_ms: 31.5,
      },
      last_exit: null,
    },
  },
  execInstance: {
    path: `${ALICE}/exec`,
    messages: [
      { by: "client", message: { kind: "start", command: ["id", "-u"], terminal: null } },
      { by: "server", message: { kind: "started" } },
      { by: "client", message: { kind: "end" } },
      { by: "client", message: { kind: "taken", bytes: 6 } },
      { by: "server", message: { kind: "exit", code: 0, reason: null } },
    ],
  },
  getEnv: {
    path: `${ALICE}/env`,
    answer: { instance: "notes:alice", env: { COLOR: "blue", API_TOKEN: "***" } },
  },
  patchEnv: {
    path: `${ALICE}/env`,
    body: { COLOR: "green", SIZE: null },
    answer: { instance: "notes:alice", env: { COLOR: "green" } },
  },
  replaceEnv: {
    path: `${ALICE}/env`,
    body: { SIZE: "10" },
    answer: { instance: "notes:alice", env: { SIZE: "10" } },
  },
  deploy: {
    path: "/api/deploy",
    body: { process: "notes", version: "v2", weight: 20, timeout: 60 },
    answer: {
      instance: "notes:v2",
      socket: "127.0.0.1:30002",
      url: "http://v2.notes.example.com",
      weight: 20,
      status: "healthy",
    },
  },
  route: {
    path: "/api/route",
    body: { process: "notes", from: "v1", to: "v2" },
    answer: { from_instance: "notes:v1", to_instance: "notes:v2", from_weight: 0, to_weight: 100 },
  },
  rollout: {
    path: "/api/rollout",
    body: { process: "notes", parallel: 2 },
    answer:
      'data: {"kind":"begun","total":1}\n\ndata: {"kind":"replaced","instance":"notes:alice","took_ms":210}\n\ndata: {"kind":"done","replaced":["notes:alice"],"skipped":[],"failed":[],"remaining":[]}',
  },
  searchLogs: {
    path: "/api/logs?process=notes&search=connection+refused&since=10m",
    answer: [
      {
        timestamp: "2026-01-31T12:00:00.000Z",
        level: "stderr",
        process: "notes",
        instance_id: "alice",
        message: "connection refused",
      },
    ],
  },
  followLogs: {
    path: "/api/logs/stream?process=notes&id=alice&limit=10",
    answer:
      'data: {"timestamp":"2026-01-31T12:00:00.000Z","level":"stdout","process":"notes","instance_id":"alice","message":"ready"}\n\nevent: dropped\ndata: {"count":3}',
  },
  reload: {
    path: "/api/reload",
    answer: {
      dry_run: false,
      added: ["wiki"],
      changed: [{ service: "notes", now: ["idle_timeout"], launch: ["env"], start: [] }],
      removed: [],
      started: ["wiki:main"],
      settings: ["max_running"],
      routing: [],
      needs_restart: ["tls.enabled"],
      replaced: ["notes:alice"],
      failed: [],
    },
  },
  listTokens: {
    path: "/api/tokens",
    answer: [
      {
        id: 3,
        tenant: "alice",
        description: "status page",
        created_at: "2026-01-31T12:00:00.000Z",
      },
    ],
  },
  createToken: {
    path: "/api/tokens",
    body: { tenant: "alice", description: "status page" },
    answer: {
      id: 3,
      tenant: "alice",
      description: "status page",
      created_at: "2026-01-31T12:00:00.000Z",
      token: "q1V7mJ5bI4c8yJwYkX0m3m1rB6nq2bqLQb0sW3yqj5E",
    },
  },
  revokeToken: { path: "/api/tokens/3" },
  listDomains: {
    path: "/api/domains?target=notes:alice",
    answer: [{ host: "notes.alice.example", target: "notes:alice" }],
  },
  addDomain: {
    path: "/api/domains",
    body: { host: "notes.alice.example", target: "notes:alice" },
    answer: { host: "notes.alice.example", target: "notes:alice" },
  },
  removeDomain: { path: "/api/domains/notes.alice.example" },
  getTelemetry: {
    path: "/api/telemetry",
    answer: {
      summary: {
        instances: { running: 1, asleep: 12 },
        requests: 1200,
        requests_unrouted: 3,
        restarts: 0,
        memory_bytes: 12_900_000,
        log_lines_stored: 4800,
        log_lines_dropped: 0,
        latency,
        wake: { average_ms: 35.1, p50_ms: 31.5, p95_ms: 60, p99_ms: 88 },
      },
      instances: [
        {
          id: "notes:alice",
          state: "running",
          restarts: 0,
          requests: 1200,
          errors: 0,
          memory_bytes: 12_900_000,
          latency,
        },
      ],
    },
  },
  getMetrics: {
    path: "/metrics",
    answer: 'ten_requests_total{service="notes",instance="alice",status="2xx"} 1200',
  },
  restartServer: {
    path: "/api/server/restart",
    answer: { old: { version: "0.1.0", pid: 812 }, new: { version: "0.2.0", pid: 4711 } },
  },
  listAudit: {
    path: "/api/audit?limit=1",
    answer: [
      {
        at: "2026-01-31T12:00:00.000Z",
        actor: "token 3",
        action: "restart",
        subject: "notes:alice",
        outcome: "done",
        count: 1,
      },
    ],
  },
};
