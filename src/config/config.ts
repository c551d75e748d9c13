// Reads `tenement.toml` into a checked Config, or reports every problem of it.
import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import { splitCommandLine } from "../core/command-line.ts";
import { messageOf, TenError } from "../core/errors.ts";
import { defaultSocketAt } from "../core/instance-paths.ts";
import type { OwnPages } from "../core/page-template.ts";
import { parseTarget } from "../core/routing.ts";
import {
  type Config,
  defaultIsolation,
  type MachineSettings,
  type RoutingOverrides,
  type Service,
  type Settings,
} from "../core/service.ts";
import { escapeTemplate, fillTemplate } from "../core/template.ts";
import { checkDocument, trimPrefix } from "./checks.ts";
import { tildeProblem } from "./document.ts";
import { readPages } from "./page-files.ts";
import { checkPlaces } from "./place-checks.ts";
import { type Problem, problemsOf, renderProblem } from "./problems.ts";
import { type ConfigFile, configSchema, type ServiceTable, type SettingsTable } from "./schema.ts";
import { BYTES_PER_MEGABYTE, MS_PER_DAY } from "./schema-values.ts";

/** Values of flags and environment variables, which override those of the file. */
export interface ConfigOverrides {
  readonly dataDir?: string | undefined;
}

/** Reads and checks a configuration file; throws CONFIG_INVALID with every problem of it. */
export async function loadConfig(file: string, overrides: ConfigOverrides = {}): Promise<Config> {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new TenError("CONFIG_INVALID", `Cannot read "${file}": ${reasonOf(cause)}`, {
      hint: "Write one with ten init, or name another with --config",
      cause,
    });
  });
  const config = parseConfig(decode(bytes, file), { file, overrides });
  const { services, problems } = await readPages(config.services);
  if (problems.length > 0) throw invalid(file, problems);
  return { ...config, services };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "there is no such file";
  if (error.code === "EISDIR") return "it is a directory";
  if (error.code === "EACCES") return "permission denied";
  return messageOf(error);
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new TenError("CONFIG_INVALID", `Cannot read "${file}": it is not UTF-8 text`, { cause });
  }
}

/**
 * Checks the text of a configuration file; throws CONFIG_INVALID with every problem of it.
 * @param options.file of the text: relative paths in it start at the file's directory
 */
export function parseConfig(
  text: string,
  options: { file: string; overrides?: ConfigOverrides },
): Config {
  const file = resolve(options.file);
  const document = parseToml(text, options.file);
  const checked = configSchema.safeParse(document);
  const problems = [
    ...(checked.success ? [] : problemsOf(checked.error, document)),
    ...checkDocument(document),
    ...checkOverrides(options.overrides ?? {}),
  ];
  if (!checked.success || problems.length > 0) throw invalid(options.file, problems);
  const config = toConfig(checked.data, { file, overrides: options.overrides ?? {} });
  const misplaced = checkPlaces(config);
  if (misplaced.length > 0) throw invalid(options.file, misplaced);
  return config;
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const [reason = ""] = cause.message.replace("Invalid TOML document: ", "").split("\n");
    const where = `line ${cause.line}, column ${cause.column}`;
    throw new TenError("CONFIG_INVALID", `Cannot read "${file}": ${where}: ${reason}`, { cause });
  }
}

function checkOverrides({ dataDir }: ConfigOverrides): Problem[] {
  if (dataDir === undefined || !dataDir.startsWith("~")) return [];
  return [{ path: [], text: `data directory: ${tildeProblem(dataDir)}` }];
}

function invalid(file: string, problems: readonly Problem[]): TenError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map((problem) => `\n  ${renderProblem(problem)}`).join("");
  return new TenError("CONFIG_INVALID", `Cannot use "${file}": ${count}${lines}`);
}

interface Origin {
  /** Absolute. */
  readonly file: string;
  readonly overrides: ConfigOverrides;
}

function toConfig(checked: ConfigFile, origin: Origin): Config {
  const dir = dirname(origin.file);
  const services = Object.entries(checked.service).map(
    ([name, table]) => [name, toService(table, { name, dir, settings: checked.settings })] as const,
  );
  return {
    file: origin.file,
    settings: toSettings(checked.settings, { dir, overrides: origin.overrides }),
    services: new Map(services),
    instances: Object.entries(checked.instances).flatMap(([service, ids]) =>
      ids.map((id) => ({ service, id })),
    ),
    routing: toRouting(checked.routing),
  };
}

function toSettings(
  table: SettingsTable,
  { dir, overrides }: { dir: string; overrides: ConfigOverrides },
): Settings {
  const { tls } = table;
  const dataDir =
    overrides.dataDir === undefined ? resolve(dir, table.data_dir) : resolve(overrides.dataDir);
  return {
    dataDir,
    maxRunning: table.max_running,
    maxStarting: table.max_starting,
    trustedProxies: table.trusted_proxies,
    maxConnections: table.max_connections,
    maxConnectionsPerAddress: table.max_connections_per_address,
    bufferLimitBytes:
      table.buffer_limit_mb === undefined ? null : table.buffer_limit_mb * BYTES_PER_MEGABYTE,
    logRetentionMs: table.log_retention_days * MS_PER_DAY,
    logMaxBytes: table.log_max_mb * BYTES_PER_MEGABYTE,
    tls: {
      enabled: tls.enabled,
      acmeEmail: tls.acme_email ?? null,
      domain: tls.domain?.toLowerCase() ?? null,
      httpsPort: tls.https_port,
      httpPort: tls.http_port,
      staging: tls.staging,
      cacheDir: resolve(dir, fillTemplate(tls.cache_dir, { data_dir: dataDir })),
      dnsProvider: tls.dns_provider ?? null,
    },
  };
}

interface ServiceContext {
  readonly name: string;
  /** The directory of the configuration file. */
  readonly dir: string;
  readonly settings: SettingsTable;
}

function toService(table: ServiceTable, { name, dir, settings }: ServiceContext): Service {
  const isolation = table.isolation ?? defaultIsolation(process.platform);
  return {
    name,
    argv: toArgv(table),
    workdir: resolveTemplate(dir, table.workdir),
    workdirWritable: table.workdir_writable,
    health: table.health ?? null,
    isolation,
    idleTimeoutMs: toMs(table.idle_timeout),
    tunnelIdleMs: toMs(table.idle_websocket_timeout),
    startupTimeoutMs: toMs(table.startup_timeout ?? defaultStartupTimeout(table)),
    requestTimeoutMs: toMs(table.request_timeout),
    stopSignal: table.stop_signal,
    stopTimeoutMs: toMs(table.stop_timeout),
    healthIntervalMs: toMs(settings.health_check_interval),
    restart: toRestartPolicy(table, settings),
    storagePersist: table.storage_persist,
    autoCreate: table.auto_create,
    maxInstances: table.max_instances,
    maxConcurrent: table.max_concurrent,
    socket: resolveTemplate(dir, table.socket ?? defaultSocketAt(isolation)),
    envFile: table.env_file === undefined ? null : resolve(dir, table.env_file),
    env: table.env,
    waitingPage: table.waiting_page,
    pages: toPages(table.pages ?? settings.pages, dir),
    ...toLimits(table),
    storageQuotaBytes: toBytes(table.storage_quota_mb),
    storageEnforce: table.storage_enforce,
    show: table.show,
    readPaths: table.read_paths.map((path) => resolve(dir, path)),
    writePaths: table.write_paths.map((path) => resolve(dir, path)),
    statePaths: table.state_paths.map((path) => resolve(dir, path)),
    network: table.network ?? null,
    extraPorts: table.extra_ports === 0 ? null : table.extra_ports,
    bindAny: table.bind === "any",
    seccomp: table.seccomp,
    allowMetadata: table.allow_metadata,
    rollout: table.rollout,
    machine: toMachine(table, dir),
  };
}

function toRestartPolicy(table: ServiceTable, settings: SettingsTable): Service["restart"] {
  return {
    policy: table.restart,
    max: settings.max_restarts,
    windowMs: toMs(settings.restart_window),
    backoffBaseMs: settings.backoff_base_ms,
    backoffMaxMs: settings.backoff_max_ms,
  };
}

type Limits = "memoryLimitBytes" | "cpuShares" | "pidsLimit" | "cpuLimit" | "ioWeight";

function toLimits(table: ServiceTable): Pick<Service, Limits> {
  return {
    memoryLimitBytes: toBytes(table.memory_limit_mb),
    cpuShares: table.cpu_shares ?? null,
    pidsLimit: table.pids_limit ?? null,
    cpuLimit: table.cpu_limit ?? null,
    ioWeight: table.io_weight ?? null,
  };
}

/** The files are read later. */
function toPages(path: string | undefined, dir: string): OwnPages | null {
  return path === undefined ? null : { directory: resolve(dir, path), templates: {} };
}

/** In seconds. An emulated machine takes several to start, more when others start beside it. */
function defaultStartupTimeout({ isolation, qemu_accel }: ServiceTable): number {
  return isolation === "qemu" && qemu_accel === "tcg" ? 60 : 10;
}

function toMachine(table: ServiceTable, dir: string): MachineSettings {
  return {
    accel: table.qemu_accel,
    kernel: table.kernel === undefined ? null : resolve(dir, table.kernel),
    rootfs: table.rootfs === undefined ? null : resolve(dir, table.rootfs),
    memoryBytes: table.memory_mb * BYTES_PER_MEGABYTE,
    vcpus: table.vcpus,
  };
}

function toArgv({ command, args }: ServiceTable): readonly string[] {
  if (args !== undefined) return [command, ...args];
  const split = splitCommandLine(command);
  return split.kind === "argv" ? split.argv : [];
}

/** A path template that is absolute once filled; braces in the directory's own name are escaped. */
function resolveTemplate(dir: string, template: string): string {
  const absolute = isAbsolute(template) || /^\{(data_dir|socket)\}/.test(template);
  return absolute ? template : join(escapeTemplate(dir), template);
}

function toRouting(table: ConfigFile["routing"]): RoutingOverrides {
  const prefixes = Object.entries(table.path).map(([prefix, target]) => ({
    prefix: trimPrefix(prefix),
    target: parseTarget(target),
  }));
  return {
    default: table.default === undefined ? null : parseTarget(table.default),
    subdomain: new Map(
      Object.entries(table.subdomain).map(([name, target]) => [name, parseTarget(target)]),
    ),
    path: prefixes.sort((a, b) => b.prefix.length - a.prefix.length),
  };
}

/** Whole milliseconds; a positive time never becomes 0. */
function toMs(seconds: number): number {
  return Math.ceil(seconds * 1000);
}

function toBytes(megabytes: number | undefined): number | null {
  return megabytes === undefined ? null : megabytes * BYTES_PER_MEGABYTE;
}
