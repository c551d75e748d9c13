// The limits of an instance as files of control groups, of version 2 and of version 1.
import { PIDS_LIMIT_DEFAULT, type Service } from "../../core/service.ts";

export type Controller = "memory" | "cpu" | "pids" | "io";
export type CgroupVersion = 1 | 2;

export interface Limit {
  /** Its key in `tenement.toml`. */
  readonly key: "memory_limit_mb" | "cpu_shares" | "cpu_limit" | "pids_limit" | "io_weight";
  readonly controller: Controller;
  /** False: a default, which is applied where it can be. */
  readonly isConfigured: boolean;
  /** In the order of writing. Each required file must exist, and at least one file. */
  readonly files: readonly LimitFile[];
}

export interface LimitFile {
  readonly name: string;
  readonly value: string;
  readonly isRequired: boolean;
}

/** In microseconds; the kernel's own default. */
const CPU_PERIOD_US = 100_000;
/** Defaults of the kernel: 1024 shares in version 1, a weight of 100 in version 2. */
const SHARES_PER_WEIGHT = 1024 / 100;
const SHARES_MIN = 2;

/** Enough for thousands of files in a second. */
const BACKGROUND_PROCESSORS = 0.5;

type Spelling = (amount: number) => readonly LimitFile[];
type Spellings = Readonly<Record<Limit["key"], Spelling>>;

/** https://docs.kernel.org/admin-guide/cgroup-v2.html */
const VERSION_2: Spellings = {
  memory_limit_mb: (bytes) => [
    // No memory.high below it: a tenant without reclaimable caches slows to a crawl there. Measured at 160 MB: with
    // memory.high at 90 % it was not killed within 100 s, at 98 % within 10 s, without it within 1 s. The limit itself
    // makes the kernel reclaim caches as well.
    required("memory.max", bytes),
    optional("memory.swap.max", 0),
    // Kills the whole application, which is restarted as a whole, instead of one of its processes.
    optional("memory.oom.group", 1),
  ],
  cpu_shares: (weight) => [required("cpu.weight", weight)],
  cpu_limit: (processors) => [required("cpu.max", `${quotaOf(processors)} ${CPU_PERIOD_US}`)],
  pids_limit: (count) => [required("pids.max", count)],
  io_weight: (weight) => [
    optional("io.weight", weight),
    optional("io.bfq.weight", bfqWeightOf(weight)),
  ],
};

/** https://docs.kernel.org/admin-guide/cgroup-v1/ */
const VERSION_1: Spellings = {
  memory_limit_mb: (bytes) => [
    required("memory.limit_in_bytes", bytes),
    // Memory and swap together, where the kernel counts swap.
    optional("memory.memsw.limit_in_bytes", bytes),
  ],
  cpu_shares: (weight) => [
    required("cpu.shares", Math.max(SHARES_MIN, Math.round(weight * SHARES_PER_WEIGHT))),
  ],
  cpu_limit: (processors) => [
    required("cpu.cfs_period_us", CPU_PERIOD_US),
    required("cpu.cfs_quota_us", quotaOf(processors)),
  ],
  pids_limit: (count) => [required("pids.max", count)],
  io_weight: (weight) => [optional("blkio.bfq.weight", bfqWeightOf(weight))],
};

const CONTROLLERS: Readonly<Record<Limit["key"], Controller>> = {
  memory_limit_mb: "memory",
  cpu_shares: "cpu",
  cpu_limit: "cpu",
  pids_limit: "pids",
  io_weight: "io",
};

/**
 * The limits to write into the groups of an instance. `helpers`: processes of the launcher in the same groups,
 * which do not count against the instance.
 */
export function planLimits(
  service: Service,
  { version, helpers }: { version: CgroupVersion; helpers: number },
): readonly Limit[] {
  const spellings = version === 2 ? VERSION_2 : VERSION_1;
  const pids = service.pidsLimit ?? PIDS_LIMIT_DEFAULT;
  const amounts: readonly (readonly [Limit["key"], number | null])[] = [
    ["memory_limit_mb", service.memoryLimitBytes],
    ["cpu_shares", service.cpuShares],
    ["cpu_limit", service.cpuLimit],
    ["pids_limit", pids === 0 ? null : pids + helpers],
    ["io_weight", service.ioWeight],
  ];
  return amounts.flatMap(([key, amount]) => {
    if (amount === null) return [];
    const isConfigured = key !== "pids_limit" || service.pidsLimit !== null;
    return [{ key, controller: CONTROLLERS[key], isConfigured, files: spellings[key](amount) }];
  });
}

/** The bounds of the server's own work on files of tenants: less than any of them may have. */
export function planBackgroundLimits(version: CgroupVersion): readonly Limit[] {
  const spellings = version === 2 ? VERSION_2 : VERSION_1;
  const amounts = { cpu_limit: BACKGROUND_PROCESSORS, cpu_shares: 1, io_weight: 1 } as const;
  return (["cpu_limit", "cpu_shares", "io_weight"] as const).map((key) => ({
    key,
    controller: CONTROLLERS[key],
    isConfigured: false,
    files: spellings[key](amounts[key]),
  }));
}

function quotaOf(processors: number): number {
  return Math.round(processors * CPU_PERIOD_US);
}

/** BFQ has weights from 1 to 1000; the default is 100, as everywhere. */
function bfqWeightOf(weight: number): number {
  return weight <= 100 ? weight : Math.round(100 + ((weight - 100) * 900) / 9900);
}

function required(name: string, value: number | string): LimitFile {
  return { name, value: String(value), isRequired: true };
}

function optional(name: string, value: number | string): LimitFile {
  return { name, value: String(value), isRequired: false };
}
