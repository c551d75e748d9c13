// The levels of isolation: what a host can provide, and how a command is wrapped to run behind walls.
import { TenError } from "../core/errors.ts";
import type { IsolationLevel, Service } from "../core/service.ts";

export interface Isolation {
  /** The command that runs `argv` behind the level's walls. */
  wrap(argv: readonly string[]): readonly string[];
}

/** Nothing is hidden; the process group is the only wall. */
const processIsolation: Isolation = { wrap: (argv) => argv };

const LEVELS: Partial<Record<IsolationLevel, Isolation>> = { process: processIsolation };

/** Throws LEVEL_MISSING for a level or a limit that can't be provided: nothing falls back to a weaker one. */
export function chooseIsolation(service: Service): Isolation {
  const level = LEVELS[service.isolation];
  if (level === undefined) {
    throw new TenError(
      "LEVEL_MISSING",
      `Cannot isolate "${service.name}": this version does not provide the level "${service.isolation}"`,
      { hint: 'Set isolation = "process"' },
    );
  }
  const limit = configuredLimit(service);
  if (limit !== null) {
    throw new TenError(
      "LEVEL_MISSING",
      `Cannot limit "${service.name}": this version does not apply ${limit}`,
      { hint: `Remove ${limit} from [service.${service.name}]` },
    );
  }
  return level;
}

function configuredLimit(service: Service): string | null {
  if (service.memoryLimitBytes !== null) return "memory_limit_mb";
  return service.cpuShares === null ? null : "cpu_shares";
}
