// The parts of the server that the handlers of the control API use.
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
import type { Shares } from "./shares.ts";

export interface ServerIdentity {
  readonly version: string;
  readonly pid: number;
}

/**
 * Hands over to a new server; resolves when it serves.
 * @param record takes the outcome while this server can still write to the database
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
  /** The searches of the logs that are in progress. */
  readonly searches: Shares;
  readonly version: string;
  /** Receives unexpected errors. */
  readonly report: (thrown: unknown) => void;
  /** The instance's public address. */
  publicUrl(ref: InstanceRef): string;
}
