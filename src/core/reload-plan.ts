// The plan of a reload: services added, changed or removed, and when each changed key takes effect.
import { formatRef, type InstanceRef } from "./ref.ts";
import type {
  Config,
  MachineSettings,
  RestartSettings,
  RoutingOverrides,
  Service,
  Settings,
  TlsSettings,
} from "./service.ts";

/**
 * When a changed key takes effect: at once; with the next launch of each instance, which a rollout makes beside the
 * running process; with the next start of an instance at rest; or with the next server.
 */
export type Reach = "now" | "launch" | "start" | "server";

export interface ServiceChange {
  readonly service: string;
  /** Keys of `tenement.toml` that take effect at once. */
  readonly now: readonly string[];
  /** Keys that shape the process: running instances need a new launch. */
  readonly launch: readonly string[];
  /** Keys that take effect when an instance starts from rest. */
  readonly start: readonly string[];
}

export interface ReloadPlan {
  readonly added: readonly string[];
  readonly changed: readonly ServiceChange[];
  readonly removed: readonly string[];
  /** Newly listed in `[instances]`: to be registered and started. */
  readonly instances: readonly InstanceRef[];
  /** Keys of `[settings]` that take effect at once. */
  readonly settings: readonly string[];
  /** Keys of `[routing]`. */
  readonly routing: readonly string[];
  /** Keys of `[settings]` that take effect with the next server. */
  readonly server: readonly string[];
}

type Keys<Of, Except extends keyof Of = never> = {
  readonly [Field in Exclude<keyof Of, Except>]: readonly [key: string, reach: Reach];
};

const SERVICE_KEYS: Keys<Service, "name" | "restart" | "machine" | "healthIntervalMs"> = {
  argv: ["command", "launch"],
  workdir: ["workdir", "launch"],
  workdirWritable: ["workdir_writable", "launch"],
  health: ["health", "now"],
  isolation: ["isolation", "launch"],
  idleTimeoutMs: ["idle_timeout", "now"],
  tunnelIdleMs: ["idle_websocket_timeout", "now"],
  startupTimeoutMs: ["startup_timeout", "now"],
  requestTimeoutMs: ["request_timeout", "now"],
  stopSignal: ["stop_signal", "now"],
  stopTimeoutMs: ["stop_timeout", "now"],
  storagePersist: ["storage_persist", "now"],
  autoCreate: ["auto_create", "now"],
  maxInstances: ["max_instances", "now"],
  maxConcurrent: ["max_concurrent", "now"],
  socket: ["socket", "launch"],
  envFile: ["env_file", "launch"],
  env: ["env", "launch"],
  waitingPage: ["waiting_page", "now"],
  pages: ["pages", "now"],
  memoryLimitBytes: ["memory_limit_mb", "launch"],
  cpuShares: ["cpu_shares", "launch"],
  pidsLimit: ["pids_limit", "launch"],
  cpuLimit: ["cpu_limit", "launch"],
  ioWeight: ["io_weight", "launch"],
  storageQuotaBytes: ["storage_quota_mb", "now"],
  storageEnforce: ["storage_enforce", "now"],
  show: ["show", "launch"],
  readPaths: ["read_paths", "launch"],
  writePaths: ["write_paths", "launch"],
  statePaths: ["state_paths", "launch"],
  network: ["network", "launch"],
  extraPorts: ["extra_ports", "launch"],
  bindAny: ["bind", "launch"],
  seccomp: ["seccomp", "launch"],
  allowMetadata: ["allow_metadata", "launch"],
  rollout: ["rollout", "now"],
};

const VOLUME_KEYS: typeof SERVICE_KEYS = {
  ...SERVICE_KEYS,
  storageQuotaBytes: ["storage_quota_mb", "start"],
  storageEnforce: ["storage_enforce", "start"],
};

const MACHINE_KEYS: Keys<MachineSettings> = {
  accel: ["qemu_accel", "launch"],
  kernel: ["kernel", "launch"],
  rootfs: ["rootfs", "launch"],
  memoryBytes: ["memory_mb", "launch"],
  vcpus: ["vcpus", "launch"],
};

const RESTART_KEYS: Keys<Pick<RestartSettings, "policy">> = { policy: ["restart", "now"] };

/** Of `[settings]`, though each service carries them. */
const SHARED_KEYS: Keys<Pick<Service, "healthIntervalMs">> = {
  healthIntervalMs: ["health_check_interval", "now"],
};
const SHARED_RESTART_KEYS: Keys<RestartSettings, "policy"> = {
  max: ["max_restarts", "now"],
  windowMs: ["restart_window", "now"],
  backoffBaseMs: ["backoff_base_ms", "now"],
  backoffMaxMs: ["backoff_max_ms", "now"],
};

const SETTINGS_KEYS: Keys<Settings, "tls"> = {
  dataDir: ["data_dir", "server"],
  maxRunning: ["max_running", "now"],
  maxStarting: ["max_starting", "now"],
  trustedProxies: ["trusted_proxies", "now"],
  maxConnections: ["max_connections", "now"],
  maxConnectionsPerAddress: ["max_connections_per_address", "now"],
  bufferLimitBytes: ["buffer_limit_mb", "now"],
  logRetentionMs: ["log_retention_days", "now"],
  logMaxBytes: ["log_max_mb", "now"],
};

const TLS_KEYS: Keys<TlsSettings> = {
  enabled: ["tls.enabled", "server"],
  acmeEmail: ["tls.acme_email", "server"],
  domain: ["tls.domain", "server"],
  httpsPort: ["tls.https_port", "server"],
  httpPort: ["tls.http_port", "server"],
  staging: ["tls.staging", "server"],
  cacheDir: ["tls.cache_dir", "server"],
  dnsProvider: ["tls.dns_provider", "server"],
};

/** The keys of `tenement.toml` with this reach: those of `[service]`, then those of `[settings]`. */
export function keysThatReach(wanted: Reach): readonly string[] {
  const service = [SERVICE_KEYS, RESTART_KEYS, MACHINE_KEYS];
  const settings = [SETTINGS_KEYS, SHARED_KEYS, SHARED_RESTART_KEYS, TLS_KEYS];
  const changes = [...service, ...settings].flatMap((keys) => Object.values<Change>(keys));
  return keysOf(changes, wanted);
}

/** Compares the configuration in effect with the new one. */
export function planReload(before: Config, after: Config): ReloadPlan {
  const both = [...after.services.values()].flatMap((service) => {
    const present = before.services.get(service.name);
    return present === undefined ? [] : [{ before: present, after: service }];
  });
  const settings = [
    ...diff(before.settings, after.settings, SETTINGS_KEYS),
    ...diff(before.settings.tls, after.settings.tls, TLS_KEYS),
    ...diffShared(both),
  ];
  return {
    added: missing(after.services, before.services),
    removed: missing(before.services, after.services),
    changed: both
      .map(compareServices)
      .filter(({ now, launch, start }) => now.length + launch.length + start.length > 0),
    instances: newlyListed(before.instances, after.instances),
    settings: keysOf(settings, "now"),
    routing: diffRouting(before.routing, after.routing),
    server: keysOf(settings, "server"),
  };
}

/** The new configuration, without the keys that take effect with the next server. */
export function effectiveConfig(before: Config, after: Config): Config {
  const { dataDir, tls } = before.settings;
  return { ...after, settings: { ...after.settings, dataDir, tls } };
}

/**
 * The part of a service that a process keeps until it ends, as text: equal for equal launches. Keys that are not set
 * are left out, so that a later version with more keys still recognizes the processes of an earlier one.
 */
export function launchShape(service: Service): string {
  const isMachine = service.isolation === "qemu" || service.isolation === "firecracker";
  const shaping = { ...pickLaunch(service, SERVICE_KEYS), ...(isMachine && service.machine) };
  return JSON.stringify(sorted(shaping));
}

function pickLaunch(service: Service, keys: typeof SERVICE_KEYS): object {
  const fields = Object.entries(keys) as [keyof typeof SERVICE_KEYS, Change][];
  const shaping = fields.filter(([, [, reach]]) => reach === "launch");
  return Object.fromEntries(shaping.map(([field]) => [field, service[field]]));
}

/** With its keys in order, and without those that say nothing. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const said = Object.entries(value).filter(([, each]) => !isUnset(each));
  said.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(said.map(([key, each]) => [key, sorted(each)]));
}

function isUnset(value: unknown): boolean {
  if (value === null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

export function isSameService(before: Service, after: Service): boolean {
  return before === after || isEqual(before, after);
}

export function isEmptyPlan(plan: ReloadPlan): boolean {
  return Object.values(plan).every((list: readonly unknown[]) => list.length === 0);
}

interface Pair {
  readonly before: Service;
  readonly after: Service;
}

function compareServices({ before, after }: Pair): ServiceChange {
  // A volume changes only while it is unmounted.
  const hasVolume = [before, after].some(({ storageEnforce }) => storageEnforce === "hard");
  const changes = [
    ...diff(before, after, hasVolume ? VOLUME_KEYS : SERVICE_KEYS),
    ...diff(before.restart, after.restart, RESTART_KEYS),
    ...diff(before.machine, after.machine, MACHINE_KEYS),
  ];
  return {
    service: after.name,
    now: keysOf(changes, "now"),
    launch: keysOf(changes, "launch"),
    start: keysOf(changes, "start"),
  };
}

function diffShared(pairs: readonly Pair[]): readonly Change[] {
  const [pair] = pairs;
  if (pair === undefined) return [];
  const { before, after } = pair;
  return [
    ...diff(before, after, SHARED_KEYS),
    ...diff(before.restart, after.restart, SHARED_RESTART_KEYS),
  ];
}

function diffRouting(before: RoutingOverrides, after: RoutingOverrides): readonly string[] {
  const keys = ["default", "subdomain", "path"] as const;
  return keys.filter((key) => !isEqual(before[key], after[key]));
}

type Change = readonly [key: string, reach: Reach];

function diff<Of extends object>(
  before: Of,
  after: Of,
  keys: Keys<Of, never> | Partial<Keys<Of>>,
): readonly Change[] {
  return (Object.entries(keys) as [keyof Of, Change][]).flatMap(([field, change]) =>
    isEqual(before[field], after[field]) ? [] : [change],
  );
}

function keysOf(changes: readonly Change[], wanted: Reach): readonly string[] {
  return changes.flatMap(([key, reach]) => (reach === wanted ? [key] : []));
}

function missing(
  from: ReadonlyMap<string, Service>,
  other: ReadonlyMap<string, Service>,
): readonly string[] {
  return [...from.keys()].filter((name) => !other.has(name)).sort();
}

function newlyListed(
  before: readonly InstanceRef[],
  after: readonly InstanceRef[],
): readonly InstanceRef[] {
  const known = new Set(before.map(formatRef));
  return after.filter((ref) => !known.has(formatRef(ref)));
}

/** Whether two values of a configuration are equal, regardless of the order of keys. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a instanceof Map && b instanceof Map) {
    return isEqual(Object.fromEntries(a), Object.fromEntries(b));
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  if (Array.isArray(a) !== Array.isArray(b) || keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) &&
      isEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}
