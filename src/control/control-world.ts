// All that the handlers of the control API work with.
import type { InstanceRef } from "../core/ref.ts";
import type { AuditTable } from "../database/audit.ts";
import type { TokenTable } from "../database/tokens.ts";
import type { LogHub } from "../logs/hub.ts";
import type { Statistics } from "../metrics/statistics.ts";
import type { Clock } from "../platform/clock.ts";
import type { Administration } from "../supervisor/administration.ts";
import type { Domains } from "../supervisor/domains.ts";
import type { Deploys } from "../supervisor/rollout/deploys.ts";
import type { Reloader } from "../supervisor/rollout/reloader.ts";
import type { EventStreams } from "./event-stream.ts";

export interface ServerIdentity {
  readonly version: string;
  readonly pid: number;
}

/**
 * Resolves when another server has followed this one. @param record is told the outcome while it can still be written
 * down here
 */
export type ServerRestart = (
  record: (outcome: string) => void,
) => Promise<{ readonly old: ServerIdentity; readonly new: ServerIdentity }>;

export interface ControlWorld {
  readonly restart: ServerRestart;
  readonly administration: Administration;
  readonly deploys: Deploys;
  readonly domains: Domains;
  readonly reloader: Pick<Reloader, "plan" | "reload">;
  readonly logs: LogHub;
  readonly tokens: TokenTable;
  readonly audit: AuditTable;
  readonly statistics: Statistics;
  readonly clock: Clock;
  readonly streams: EventStreams;
  readonly version: string;
  /** The address under which the world reaches an instance. */
  publicUrl(ref: InstanceRef): string;
}
