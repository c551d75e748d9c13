// The checked configuration: services, settings and routing overrides.
// Every duration is in milliseconds, every size in bytes, every path absolute.
import type { OwnPages } from "./page-template.ts";
import type { InstanceRef } from "./ref.ts";

export const ISOLATION_LEVELS = ["process", "namespace", "sandbox", "qemu", "firecracker"] as const;
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** The level of a service that does not set one. @param platform as Node names it */
export function defaultIsolation(platform: string): IsolationLevel {
  return platform === "linux" ? "namespace" : "process";
}

export const RESTART_POLICIES = ["always", "on-failure", "never"] as const;
export type RestartPolicy = (typeof RESTART_POLICIES)[number];

export const STOP_SIGNALS = [
  "SIGTERM",
  "SIGINT",
  "SIGQUIT",
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

export const STORAGE_ENFORCEMENTS = ["warn", "stop", "hard"] as const;
export type StorageEnforcement = (typeof STORAGE_ENFORCEMENTS)[number];

export const NETWORKS = ["host", "private"] as const;
export type Network = (typeof NETWORKS)[number];

export const BIND_RULES = ["port", "any"] as const;

export const SYSTEM_CALL_FILTERS = ["default", "permissive"] as const;
export type SystemCallFilter = (typeof SYSTEM_CALL_FILTERS)[number];

export const VIEWS = ["software", "host"] as const;
export type HostView = (typeof VIEWS)[number];

export const ROLLOUTS = ["overlap", "replace"] as const;
export type Rollout = (typeof ROLLOUTS)[number];

export const ACCELERATORS = ["kvm", "tcg"] as const;
export type Accelerator = (typeof ACCELERATORS)[number];

/** Processes and threads of an instance whose service sets no limit. */
export const PIDS_LIMIT_DEFAULT = 512;

/**
 * Ports of an instance beside the first: the range has 10001, and during a rollout an instance has twice as many.
 * With this many in each service, 294 instances can be replaced at a time.
 */
export const EXTRA_PORTS_MAX = 16;

/** A template of instances, `[service.NAME]`. Strings called a template hold placeholders such as `{id}`. */
export interface Service {
  readonly name: string;
  /** Templates: the program and its arguments, already split. */
  readonly argv: readonly string[];
  /** Template. */
  readonly workdir: string;
  /** Whether each instance may change the files of the working directory, for itself alone. */
  readonly workdirWritable: boolean;
  /** Path of the health check; null: ready when it accepts a connection. */
  readonly health: string | null;
  readonly isolation: IsolationLevel;
  /** 0: never sleeps. */
  readonly idleTimeoutMs: number;
  /** Without a byte for so long a WebSocket no longer keeps its instance awake. 0: it always does. */
  readonly tunnelIdleMs: number;
  readonly startupTimeoutMs: number;
  /** 0: none. */
  readonly requestTimeoutMs: number;
  readonly stopSignal: StopSignal;
  readonly stopTimeoutMs: number;
  readonly healthIntervalMs: number;
  readonly restart: RestartSettings;
  /** False: the data directory is deleted whenever the instance stops or sleeps. */
  readonly storagePersist: boolean;
  readonly autoCreate: boolean;
  /** 0: no cap. */
  readonly maxInstances: number;
  /** Open requests of a process; 0: no cap. */
  readonly maxConcurrent: number;
  /** Template of the path in SOCKET_PATH. */
  readonly socket: string;
  readonly envFile: string | null;
  /** Values are templates. */
  readonly env: Readonly<Record<string, string>>;
  readonly waitingPage: boolean;
  /** Null: the built-in ones. */
  readonly pages: OwnPages | null;
  readonly memoryLimitBytes: number | null;
  readonly cpuShares: number | null;
  /** Null: `PIDS_LIMIT_DEFAULT` where the host can limit them; 0: no limit. */
  readonly pidsLimit: number | null;
  /** Processors, also parts of one. */
  readonly cpuLimit: number | null;
  /** 1 to 10000. */
  readonly ioWeight: number | null;
  readonly storageQuotaBytes: number | null;
  readonly storageEnforce: StorageEnforcement;
  /** The part of the host that walled instances see: `software`, directories of programs alone; `host`, nearly all. */
  readonly show: HostView;
  readonly readPaths: readonly string[];
  readonly writePaths: readonly string[];
  /** Where each instance has a directory of its own. */
  readonly statePaths: readonly string[];
  /** Null: the default of the level of isolation. */
  readonly network: Network | null;
  /** `permissive`: system calls that the filter does not list are allowed. */
  /** Ports of each instance beside the first; null: none. */
  readonly extraPorts: number | null;
  /** Whether walled instances may bind any port of the host, not only their own. */
  readonly bindAny: boolean;
  readonly seccomp: SystemCallFilter;
  /** Whether an instance may reach the metadata service of a cloud. */
  readonly allowMetadata: boolean;
  readonly rollout: Rollout;
  readonly machine: MachineSettings;
}

/** The virtual machine of each instance. */
export interface MachineSettings {
  readonly accel: Accelerator;
  readonly kernel: string | null;
  readonly rootfs: string | null;
  readonly memoryBytes: number;
  readonly vcpus: number;
}

/** A machine always has a private network, a sandbox unless it is configured otherwise. */
export function networkOf({ isolation, network }: Service): Network {
  if (isMachine(isolation)) return "private";
  return network ?? (isolation === "sandbox" ? "private" : "host");
}

/** Whether its walled instances may bind ports of the host that are not their own. */
export function bindsHostPorts(service: Service): boolean {
  return service.bindAny && service.isolation === "namespace" && networkOf(service) === "host";
}

/** Whether the level runs a guest kernel. */
export function isMachine(isolation: IsolationLevel): boolean {
  return isolation === "qemu" || isolation === "firecracker";
}

/**
 * Whether a replacement may run beside the old process. A separate kernel does not see the other's file locks, and two
 * processes that write to one database without locks would corrupt it; nor do two layers over one working directory.
 */
export function overlaps({ isolation, rollout, workdirWritable }: Service): boolean {
  if (workdirWritable) return false;
  return rollout === "overlap" && (isolation === "process" || isolation === "namespace");
}

/** Whether the application's root file system is an image instead of the host's files. */
export function hasOwnRoot({ machine, isolation }: Service): boolean {
  return machine.rootfs !== null && isMachine(isolation);
}

export interface RestartSettings {
  readonly policy: RestartPolicy;
  /** Restarts allowed within `windowMs`; one more crash and the instance is failed. */
  readonly max: number;
  readonly windowMs: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
}

export interface Settings {
  readonly dataDir: string;
  /** 0: no cap. */
  readonly maxRunning: number;
  readonly maxStarting: number;
  /** Addresses or CIDR blocks. */
  readonly trustedProxies: readonly string[];
  /** 0: as many as the limit on descriptors permits. */
  readonly maxConnections: number;
  /** 0: a quarter of all. */
  readonly maxConnectionsPerAddress: number;
  /** Null: an eighth of the memory. */
  readonly bufferLimitBytes: number | null;
  readonly logRetentionMs: number;
  readonly logMaxBytes: number;
  readonly tls: TlsSettings;
}

export interface TlsSettings {
  readonly enabled: boolean;
  readonly acmeEmail: string | null;
  readonly domain: string | null;
  readonly httpsPort: number;
  readonly httpPort: number;
  readonly staging: boolean;
  readonly cacheDir: string;
  readonly dnsProvider: string | null;
}

/** The target of an entry of `[routing]` or a custom hostname: a service, by weight, or one instance. */
export interface NamedTarget {
  readonly service: string;
  readonly id: string | null;
}

export interface RoutingOverrides {
  readonly default: NamedTarget | null;
  /** Label in front of the domain → target. */
  readonly subdomain: ReadonlyMap<string, NamedTarget>;
  /** Path prefixes without a trailing slash, longest first. */
  readonly path: readonly { readonly prefix: string; readonly target: NamedTarget }[];
}

export interface Config {
  /** The file it was read from. */
  readonly file: string;
  readonly settings: Settings;
  readonly services: ReadonlyMap<string, Service>;
  /** Registered and started when the server starts. */
  readonly instances: readonly InstanceRef[];
  readonly routing: RoutingOverrides;
}
