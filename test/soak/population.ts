// The tenants of the soak: 190 that behave well, most of them asleep, and a hostile one for each attack.
import { join } from "node:path";
import { stringify } from "smol-toml";
import { ROOT } from "../support/executable.ts";
import type { TenOptions } from "../support/ten.ts";

/** The attacks that a tenant can make, by its id; `hostile.py` makes them. */
export const ATTACKS = [
  "logs",
  "forks",
  "trees",
  "descriptors",
  "answers",
  "pieces",
  "tunnels",
  "marks",
  "links",
  "disk",
] as const;
export type Attack = (typeof ATTACKS)[number];

/** What an attack lacks where the server is not root. */
export const NEEDS_ROOT: Readonly<Partial<Record<Attack, string>>> = {
  forks: "rootless the limit on processes counts by user namespace, which needs Linux 5.14",
  marks: "rootless all tenants have one user, so a forged mark could count",
  disk: 'rootless no hard quota exists; the quota stops it instead (storage_enforce = "stop")',
};

export const TENANTS = Array.from({ length: 190 }, (_, index) => `t${index}`);
/** They get most of the requests and stay awake; the others sleep, and are woken now and then. */
export const AWAKE = TENANTS.slice(0, 20);

const PYTHON = "/usr/bin/python3 -ISE";

export const hostOf = (service: "calm" | "hostile", id: string) => `${id}.${service}.localhost`;

export const isRoot = process.getuid?.() === 0;

/** The server's options; tenants are registered by their first spawn. */
export function population(): TenOptions {
  return { configText: configure(), ...(isRoot && { parent: "/var/lib" }) };
}

/** Changes something that a reload puts into effect. */
export function changeIdleTimeout(configText: string): string {
  return configText.replace(/^idle_timeout = 1([01])$/m, (_, last: string) => {
    return `idle_timeout = 1${last === "0" ? "1" : "0"}`;
  });
}

function configure(): string {
  return stringify({
    settings: {
      health_check_interval: 5,
      max_restarts: 1000,
      backoff_base_ms: 100,
      backoff_max_ms: 1000,
    },
    service: {
      calm: {
        command: `${PYTHON} ${join(ROOT, "test/soak/tenant.py")}`,
        idle_timeout: 10,
        startup_timeout: 30,
        auto_create: true,
        max_instances: TENANTS.length,
      },
      hostile: {
        command: `${PYTHON} ${join(ROOT, "test/soak/hostile.py")}`,
        health: "/health",
        idle_timeout: 60,
        startup_timeout: 30,
        stop_timeout: 2,
        ...limits(),
      },
    },
  });
}

/** The machine's processors are shared by limits, so that the figures show the server's own part. */
function limits(): Readonly<Record<string, unknown>> {
  const quota = { storage_quota_mb: 32, storage_enforce: isRoot ? "hard" : "stop" };
  return isRoot ? { memory_limit_mb: 128, cpu_limit: 0.1, pids_limit: 200, ...quota } : quota;
}
