// What a configuration says once it is checked: services, settings and routing overrides.
// Every duration is in milliseconds, every size in bytes, every path absolute.
import type { InstanceRef } from "./ref.ts";

export const ISOLATION_LEVELS = ["process", "namespace", "sandbox", "qemu", "firecracker"] as const;
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** Of a service that names none. @param platform as Node names it */
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

export const SYSTEM_CALL_FILTERS = ["default", "permissive"] as const;
export type SystemCallFilter = (typeof SYSTEM_CALL_FILTERS)[number];

export const ROLLOUTS = ["overlap", "replace"] as const;
export type Rollout = (typeof ROLLOUTS)[number];

export const ACCELERATORS = ["kvm", "tcg"] as const;
export type Accelerator = (typeof ACCELERATORS)[number];

/** Processes and threads of an instance whose service names no limit. */
export const PIDS_LIMIT_DEFAULT = 512;

/** A template of instances, `[service.NAME]`. Strings called a template hold placeholders such as `{id}`. */
export interface Service {
  readonly name: string;
  /** Templates: the program and its arguments, already split. */
  readonly argv: readonly string[];
  /** Template. */
  readonly workdir: string;
  /** Path of the health check; null: ready when it accepts a connection. */
  readonly health: string | null;
  readonly isolation: IsolationLevel;
  /** 0: never sleeps. */
  readonly idleTimeoutMs: number;
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
  /** Template of the path handed over as SOCKET_PATH. */
  readonly socket: string;
  readonly envFile: string | null;
  /** Values are templates. */
  readonly env: Readonly<Record<string, string>>;
  readonly waitingPage: boolean;
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
  readonly readPaths: readonly string[];
  readonly writePaths: readonly string[];
  /** Null: as the level of isolation has it. */
  readonly network: Network | null;
  /** `permissive`: system calls that the filter does not list are allowed. */
  readonly seccomp: SystemCallFilter;
  /** Whether it may reach the metadata service of a cloud. */
  readonly allowMetadata: boolean;
  readonly rollout: Rollout;
  readonly guest: MachineSettings;
}

/** What a virtual machine is made of. */
export interface MachineSettings {
  readonly accel: Accelerator;
  readonly kernel: string | null;
  readonly rootfs: string | null;
  readonly memoryBytes: number;
  readonly vcpus: number;
}

/** A machine has a network of its own always, a sandbox unless it is to have the host's. */
export function networkOf({ isolation, network }: Service): Network {
  if (isMachine(isolation)) return "private";
  return network ?? (isolation === "sandbox" ? "private" : "host");
}

/** Levels that run a kernel of their own. */
export function isMachine(isolation: IsolationLevel): boolean {
  return isolation === "qemu" || isolation === "firecracker";
}

/**
 * Whether a new process may run beside the old one. A kernel of its own knows nothing of the locks on files that
 * another
 * has, and two that write to one database without would ruin it.
 */
export function overlaps({ isolation, rollout }: Service): boolean {
  return rollout === "overlap" && (isolation === "process" || isolation === "namespace");
}

/** Whether the application's files are those of an image, and not the host's. */
export function hasOwnRoot({ guest, isolation }: Service): boolean {
  return guest.rootfs !== null && isMachine(isolation);
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

/** Where a name of `[routing]` leads: a service by weight, or one instance of it. */
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
