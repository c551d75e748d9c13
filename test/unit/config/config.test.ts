import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig, parseConfig } from "../../../src/config/config.ts";
import { TenError } from "../../../src/core/errors.ts";
import type { Config, Service } from "../../../src/core/service.ts";
import { defaultIsolation } from "../../../src/core/service.ts";
import { errorOf, FILE, NOTES } from "./refusal.ts";

function parse(text: string): Config {
  return parseConfig(text, { file: FILE });
}

function service(body: string): Service {
  const notes = parse(`[service.notes]\n${body}`).services.get("notes");
  if (notes === undefined) throw new Error("the service is not there");
  return notes;
}

test("an empty file configures a server without services", () => {
  expect(parse("")).toEqual({
    file: FILE,
    settings: {
      dataDir: "/etc/ten/tenement-data",
      maxRunning: 0,
      maxStarting: 8,
      trustedProxies: [],
      maxConnections: 0,
      maxConnectionsPerAddress: 0,
      bufferLimitBytes: null,
      logRetentionMs: 604_800_000,
      logMaxBytes: 1_073_741_824,
      tls: {
        enabled: false,
        acmeEmail: null,
        domain: null,
        httpsPort: 443,
        httpPort: 80,
        staging: false,
        cacheDir: "/etc/ten/tenement-data/acme",
        dnsProvider: null,
      },
    },
    services: new Map(),
    instances: [],
    routing: { default: null, subdomain: new Map(), path: [] },
  });
});

test("a service needs only a command", () => {
  expect(service('command = "app --port={port}"')).toEqual({
    name: "notes",
    argv: ["app", "--port={port}"],
    workdir: "/etc/ten",
    workdirWritable: false,
    health: null,
    isolation: defaultIsolation(process.platform),
    idleTimeoutMs: 300_000,
    tunnelIdleMs: 0,
    startupTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
    stopSignal: "SIGTERM",
    stopTimeoutMs: 10_000,
    healthIntervalMs: 10_000,
    restart: {
      policy: "on-failure",
      max: 3,
      windowMs: 300_000,
      backoffBaseMs: 1000,
      backoffMaxMs: 60_000,
    },
    storagePersist: true,
    autoCreate: false,
    maxInstances: 0,
    maxConcurrent: 0,
    socket: "/tmp/tenement/{name}-{id}.sock",
    envFile: null,
    env: {},
    waitingPage: true,
    pages: null,
    memoryLimitBytes: null,
    cpuShares: null,
    pidsLimit: null,
    cpuLimit: null,
    ioWeight: null,
    storageQuotaBytes: null,
    storageEnforce: "warn",
    show: "software",
    readPaths: [],
    writePaths: [],
    statePaths: [],
    network: null,
    extraPorts: null,
    bindAny: false,
    seccomp: "default",
    allowMetadata: false,
    rollout: "overlap",
    machine: { accel: "kvm", kernel: null, rootfs: null, memoryBytes: 256 * 1024 ** 2, vcpus: 1 },
  });
});

const EVERYTHING = `
[settings]
data_dir = "/var/lib/ten"
health_check_interval = 0.5
max_restarts = 5
restart_window = 60
backoff_base_ms = 10
backoff_max_ms = 20
max_running = 7
max_starting = 2
trusted_proxies = ["10.0.0.1", "fd00::/8"]
max_connections = 500
max_connections_per_address = 50
buffer_limit_mb = 64
log_retention_days = 1.5
log_max_mb = 2

[settings.tls]
enabled = true
acme_email = "admin@example.com"
domain = "Example.com"
https_port = 8443
http_port = 8080
staging = true
cache_dir = "certificates"
dns_provider = "route53"

[service.api]
command = "/opt/my app/run"
args = ["a b", "", "{id}"]
workdir = "code/{id}"
health = "/health?deep=1"
isolation = "sandbox"
idle_timeout = 0
idle_websocket_timeout = 1.5
startup_timeout = 0.5
request_timeout = 0
stop_signal = "SIGINT"
stop_timeout = 0
storage_persist = false
restart = "always"
auto_create = true
max_instances = 9
max_concurrent = 7
socket = "sockets/{name}-{id}.sock"
env_file = ".env"
waiting_page = false
pages = "own"
memory_limit_mb = 1
cpu_shares = 100
pids_limit = 50
cpu_limit = 1.5
io_weight = 200
storage_quota_mb = 3
storage_enforce = "hard"
network = "private"
extra_ports = 3
bind = "any"
seccomp = "permissive"
allow_metadata = true
rollout = "replace"
qemu_accel = "tcg"
kernel = "vmlinuz"
rootfs = "/srv/root.img"
memory_mb = 512
vcpus = 2
show = "host"
read_paths = ["lib", "/opt"]
write_paths = ["../shared"]
[service.api.env]
EMPTY = ""
DATABASE = "{data_dir}/{name}/{id}/app.db"
JSON = '{"a":1}'

[service.site]
command = "site"

[instances]
api = ["prod", "staging"]
site = ["a"]

[routing]
default = "site"
[routing.subdomain]
admin = "api:prod"
"a.b" = "site"
[routing.path]
"/api/" = "api"
"/api/v2" = "api:staging"
"/" = "site:a"
`;

test("converts every key, to milliseconds, bytes and absolute paths", () => {
  const { settings, services, instances, routing } = parse(EVERYTHING);
  expect(settings).toEqual({
    dataDir: "/var/lib/ten",
    maxRunning: 7,
    maxStarting: 2,
    trustedProxies: ["10.0.0.1", "fd00::/8"],
    maxConnections: 500,
    maxConnectionsPerAddress: 50,
    bufferLimitBytes: 67_108_864,
    logRetentionMs: 129_600_000,
    logMaxBytes: 2_097_152,
    tls: {
      enabled: true,
      acmeEmail: "admin@example.com",
      domain: "example.com",
      httpsPort: 8443,
      httpPort: 8080,
      staging: true,
      cacheDir: "/etc/ten/certificates",
      dnsProvider: "route53",
    },
  });
  expect(services.get("api")).toEqual({
    name: "api",
    argv: ["/opt/my app/run", "a b", "", "{id}"],
    workdir: "/etc/ten/code/{id}",
    workdirWritable: false,
    health: "/health?deep=1",
    isolation: "sandbox",
    idleTimeoutMs: 0,
    tunnelIdleMs: 1500,
    startupTimeoutMs: 500,
    requestTimeoutMs: 0,
    stopSignal: "SIGINT",
    stopTimeoutMs: 0,
    healthIntervalMs: 500,
    restart: { policy: "always", max: 5, windowMs: 60_000, backoffBaseMs: 10, backoffMaxMs: 20 },
    storagePersist: false,
    autoCreate: true,
    maxInstances: 9,
    maxConcurrent: 7,
    socket: "/etc/ten/sockets/{name}-{id}.sock",
    envFile: "/etc/ten/.env",
    env: { EMPTY: "", DATABASE: "{data_dir}/{name}/{id}/app.db", JSON: '{"a":1}' },
    waitingPage: false,
    pages: { directory: "/etc/ten/own", templates: {} },
    memoryLimitBytes: 1_048_576,
    cpuShares: 100,
    pidsLimit: 50,
    cpuLimit: 1.5,
    ioWeight: 200,
    storageQuotaBytes: 3_145_728,
    storageEnforce: "hard",
    show: "host",
    readPaths: ["/etc/ten/lib", "/opt"],
    writePaths: ["/etc/shared"],
    statePaths: [],
    network: "private",
    extraPorts: 3,
    bindAny: true,
    seccomp: "permissive",
    allowMetadata: true,
    rollout: "replace",
    machine: {
      accel: "tcg",
      kernel: "/etc/ten/vmlinuz",
      rootfs: "/srv/root.img",
      memoryBytes: 536_870_912,
      vcpus: 2,
    },
  });
  expect(instances).toEqual([
    { service: "api", id: "prod" },
    { service: "api", id: "staging" },
    { service: "site", id: "a" },
  ]);
  expect(routing).toEqual({
    default: { service: "site", id: null },
    subdomain: new Map([
      ["admin", { service: "api", id: "prod" }],
      ["a.b", { service: "site", id: null }],
    ]),
    path: [
      { prefix: "/api/v2", target: { service: "api", id: "staging" } },
      { prefix: "/api", target: { service: "api", id: null } },
      { prefix: "/", target: { service: "site", id: "a" } },
    ],
  });
});

test("startup_timeout is longer for an emulated machine, unless it is set", () => {
  const emulated = 'command = "app"\nisolation = "qemu"\nqemu_accel = "tcg"';
  expect(service(emulated).startupTimeoutMs).toBe(60_000);
  expect(service(`${emulated}\nstartup_timeout = 5`).startupTimeoutMs).toBe(5000);
  expect(service('command = "app"\nisolation = "qemu"').startupTimeoutMs).toBe(10_000);
});

test("an override of the data directory moves the paths in it", () => {
  const { settings } = parseConfig('[settings]\ndata_dir = "/from/file"', {
    file: FILE,
    overrides: { dataDir: "/from/flag" },
  });
  expect(settings.dataDir).toBe("/from/flag");
  expect(settings.tls.cacheDir).toBe("/from/flag/acme");
});

test("a template may start with a placeholder", () => {
  const { workdir } = service('command = "a"\nworkdir = "{data_dir}/{name}/{id}"');
  expect(workdir).toBe("{data_dir}/{name}/{id}");
});

test("escapes braces in the name of the configuration's directory", () => {
  const config = parseConfig('[service.a]\ncommand = "a"', { file: "/srv/{id}/tenement.toml" });
  expect(config.services.get("a")?.workdir).toBe("/srv/{{id}}");
});

test.each<[string, string]>([
  ["a = 1\nb = [\n", "line 3, column 1: invalid value"],
  [
    "[settings]\n[settings]\n",
    "line 2, column 2: trying to redefine an already defined table or value",
  ],
])("reports the place of the syntax error in %j", (text, where) => {
  const error = errorOf(() => parse(text));
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message).toBe(`Cannot read "${FILE}": ${where}`);
});

test("refuses a tilde in an overriding data directory", () => {
  const error = errorOf(() => parseConfig("", { file: FILE, overrides: { dataDir: "~/data" } }));
  expect(error.message).toBe(
    `Cannot use "${FILE}": 1 problem\n  data directory: expected a path without "~", which is not expanded, got "~/data"`,
  );
});

test("reads files from disk, and refuses files that are not text", async () => {
  const dir = await mkdtemp(join(tmpdir(), "ten-config-"));
  try {
    const file = join(dir, "tenement.toml");
    expect(await failure(file)).toBe(`Cannot read "${file}": there is no such file`);
    expect(await failure(dir)).toBe(`Cannot read "${dir}": it is a directory`);
    await writeFile(file, new Uint8Array([0x61, 0xff]));
    expect(await failure(file)).toBe(`Cannot read "${file}": it is not UTF-8 text`);
    await writeFile(file, `\uFEFF${NOTES}`);
    expect((await loadConfig(file)).services.get("notes")?.workdir).toBe(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
});

async function failure(file: string): Promise<string> {
  const error = await loadConfig(file).catch((thrown: unknown) => thrown);
  if (!(error instanceof TenError)) throw new Error("nothing was refused");
  expect(error.code).toBe("CONFIG_INVALID");
  return error.message;
}
