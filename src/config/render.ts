// Renders the effective configuration as TOML or as a table, with secrets masked.
import { stringify } from "smol-toml";
import { formatTarget } from "../core/routing.ts";
import { maskValue } from "../core/secrets.ts";
import type { Config, Service, Settings } from "../core/service.ts";
import { BYTES_PER_MEGABYTE, MS_PER_DAY } from "./schema-values.ts";

/** A table of the file; it omits keys without a value. */
export type Table = {
  readonly [key: string]: string | number | boolean | readonly string[] | Table;
};

/** The effective configuration as TOML; parses to the same configuration, except for masked secrets. */
export function renderConfig(config: Config): string {
  return stringify(planConfigTable(config));
}

/** The effective configuration with the file's own keys and units, for `--json`. */
export function planConfigTable({ settings, services, instances, routing }: Config): Table {
  const [first] = services.values();
  const ids = Map.groupBy(instances, ({ service }) => service);
  return {
    settings: settingsTable(settings, first),
    service: tableOf(services, serviceTable),
    instances: tableOf(ids, (refs) => refs.map(({ id }) => id)),
    routing: present({
      default: routing.default === null ? null : formatTarget(routing.default),
      subdomain: tableOf(routing.subdomain, formatTarget),
      path: tableOf(
        new Map(routing.path.map(({ prefix, target }) => [prefix, target])),
        formatTarget,
      ),
    }),
  };
}

/** @param first any service: all services carry the same values of these settings */
function settingsTable(settings: Settings, first: Service | undefined): Table {
  const { tls } = settings;
  return present({
    data_dir: settings.dataDir,
    health_check_interval: first === undefined ? null : first.healthIntervalMs / 1000,
    max_restarts: first?.restart.max ?? null,
    restart_window: first === undefined ? null : first.restart.windowMs / 1000,
    backoff_base_ms: first?.restart.backoffBaseMs ?? null,
    backoff_max_ms: first?.restart.backoffMaxMs ?? null,
    max_running: settings.maxRunning,
    max_starting: settings.maxStarting,
    trusted_proxies: settings.trustedProxies,
    max_connections: settings.maxConnections,
    max_connections_per_address: settings.maxConnectionsPerAddress,
    buffer_limit_mb:
      settings.bufferLimitBytes === null ? null : settings.bufferLimitBytes / BYTES_PER_MEGABYTE,
    log_retention_days: settings.logRetentionMs / MS_PER_DAY,
    log_max_mb: settings.logMaxBytes / BYTES_PER_MEGABYTE,
    tls: present({
      enabled: tls.enabled,
      acme_email: tls.acmeEmail,
      domain: tls.domain,
      https_port: tls.httpsPort,
      http_port: tls.httpPort,
      staging: tls.staging,
      cache_dir: tls.cacheDir,
      dns_provider: tls.dnsProvider,
    }),
  });
}

function serviceTable(service: Service): Table {
  const [command = "", ...args] = service.argv;
  return present({
    command,
    args,
    workdir: service.workdir,
    workdir_writable: service.workdirWritable,
    health: service.health,
    isolation: service.isolation,
    idle_timeout: service.idleTimeoutMs / 1000,
    idle_websocket_timeout: service.tunnelIdleMs / 1000,
    startup_timeout: service.startupTimeoutMs / 1000,
    request_timeout: service.requestTimeoutMs / 1000,
    stop_signal: service.stopSignal,
    stop_timeout: service.stopTimeoutMs / 1000,
    storage_persist: service.storagePersist,
    restart: service.restart.policy,
    auto_create: service.autoCreate,
    max_instances: service.maxInstances,
    max_concurrent: service.maxConcurrent,
    socket: service.socket,
    env_file: service.envFile,
    waiting_page: service.waitingPage,
    pages: service.pages?.directory ?? null,
    memory_limit_mb: toMegabytes(service.memoryLimitBytes),
    cpu_shares: service.cpuShares,
    pids_limit: service.pidsLimit,
    cpu_limit: service.cpuLimit,
    io_weight: service.ioWeight,
    storage_quota_mb: toMegabytes(service.storageQuotaBytes),
    storage_enforce: service.storageEnforce,
    show: service.show,
    read_paths: service.readPaths,
    write_paths: service.writePaths,
    state_paths: service.statePaths,
    network: service.network,
    extra_ports: service.extraPorts,
    bind: service.bindAny ? "any" : "port",
    seccomp: service.seccomp,
    allow_metadata: service.allowMetadata,
    rollout: service.rollout,
    ...machineTable(service.machine),
    env: Object.fromEntries(
      Object.entries(service.env).map(([name, value]) => [name, maskValue(name, value)]),
    ),
  });
}

function machineTable({ accel, kernel, rootfs, memoryBytes, vcpus }: Service["machine"]) {
  return {
    qemu_accel: accel,
    kernel,
    rootfs,
    memory_mb: toMegabytes(memoryBytes),
    vcpus,
  };
}

function toMegabytes(bytes: number | null): number | null {
  return bytes === null ? null : bytes / BYTES_PER_MEGABYTE;
}

function tableOf<V>(entries: ReadonlyMap<string, V>, render: (value: V) => Table[string]): Table {
  return Object.fromEntries([...entries].map(([key, value]) => [key, render(value)]));
}

function present(values: { readonly [key: string]: Table[string] | null }): Table {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, Table[string]] => entry[1] !== null),
  );
}
