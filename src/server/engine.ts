// The server behind its public listener: data directory, database, logs, instances, control API; opened and closed.
import { type ControlApi, openControlApi } from "../control/api.ts";
import type { ServerRestart } from "../control/control-world.ts";
import type { Config } from "../core/service.ts";
import type { AuditTable } from "../database/audit.ts";
import { openTenementDatabase } from "../database/database.ts";
import { type LogHub, openLogHub } from "../logs/hub.ts";
import { systemClock } from "../platform/clock.ts";
import { lockDirectory } from "../platform/lock.ts";
import { type HandoverState, ReceivedHandover } from "../supervisor/handover/handover-state.ts";
import { LeaseLedger } from "../supervisor/handover/lease-ledger.ts";
import { LeaseReport } from "../supervisor/handover/lease-report.ts";
import { takeOver } from "../supervisor/handover/takeover.ts";
import { Operator } from "../supervisor/operator.ts";
import { Deployer } from "../supervisor/rollout/deploys.ts";
import { Reloader } from "../supervisor/rollout/reloader.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import {
  handOverInstances,
  type Instances,
  type InstancesOptions,
  openInstances,
  type Records,
  stopInstances,
} from "./assembly.ts";

export interface EngineOptions extends InstancesOptions {
  /** Reads the configuration anew; rejects with CONFIG_INVALID. */
  readonly loadConfig: () => Promise<Config>;
  readonly version: string;
}

export interface EngineContext {
  /** From the previous server, which still runs; null: there is none. */
  readonly handoverState: unknown;
  /** Of the public listener. */
  readonly port: () => number;
  readonly restart: ServerRestart;
}

/**
 * A previous server reports its leases as soon as this one serves. After this time it counts as dead, and its leases no
 * longer keep instances awake.
 */
const LEASE_REPORT_GRACE_MS = 10_000;

/** In the data directory: where previous servers report the leases that they still hold. */
const LEASES_SOCKET = ".leases.sock";

export interface EngineHandover {
  readonly handoverState: HandoverState;
  /** Begins once the next server serves. */
  readonly leases: LeaseReport;
}

export interface Engine extends AsyncDisposable {
  readonly supervisor: Supervisor;
  readonly reloader: Reloader;
  readonly control: ControlApi;
  readonly audit: AuditTable;
  readonly isTenant: Instances["isTenant"];
  /** Releases every instance, and then the data directory. The control API goes on and forwards to the next server. */
  handOver(): Promise<EngineHandover>;
}

/**
 * Resolves when the instances of a previous server have been taken over. When it fails, every tenant still has a
 * server: the instances are stopped, or stay as they are where the previous server still runs and goes on with them.
 */
export async function openEngine(options: EngineOptions, context: EngineContext): Promise<Engine> {
  const { dataDir } = options.config.settings;
  await using exclusive = new AsyncDisposableStack();
  exclusive.use(lockDirectory(dataDir));
  const database = exclusive.use(openTenementDatabase(dataDir));
  const logs = exclusive.use(await openLogs(options));
  const instances = openInstances(options, { database, logs });
  await using onFailure = new AsyncDisposableStack();
  onFailure.defer(async () => {
    if (context.handoverState === null) await stopInstances(instances);
    else handOverInstances(instances, () => undefined);
  });
  await using services = new AsyncDisposableStack();
  const { firewall, leftovers, supervisor } = instances;
  const received = new ReceivedHandover(context.handoverState);
  await takeOver(supervisor, { leftovers, received });
  firewall?.dropUnadopted();
  const leasesPath = `${dataDir}/${LEASES_SOCKET}`;
  services.use(
    new LeaseLedger({ path: leasesPath, supervisor, onReport: () => received.releaseLeases() }),
  );
  services.defer(systemClock.after(LEASE_REPORT_GRACE_MS, () => received.releaseLeases()));
  const reloader = openReloader(options, { supervisor, logs });
  const control = openApi(options, { ...context, supervisor, reloader, database, logs });
  services.defer(() => control.close());
  onFailure.move();
  return new OpenEngine({
    instances,
    reloader,
    control,
    audit: database.audit,
    leasesPath,
    exclusive: exclusive.move(),
    services: services.move(),
  });
}

interface EngineParts {
  readonly instances: Instances;
  readonly reloader: Reloader;
  readonly control: ControlApi;
  readonly audit: AuditTable;
  readonly leasesPath: string;
  /** The lock of the data directory, the database and the logs: released for the next server. */
  readonly exclusive: AsyncDisposableStack;
  /** The control API and the ledger of leases: closed with this server. */
  readonly services: AsyncDisposableStack;
}

class OpenEngine implements Engine {
  readonly #parts: EngineParts;
  #state: "open" | "handedOver" = "open";

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  get supervisor(): Supervisor {
    return this.#parts.instances.supervisor;
  }

  get isTenant(): Instances["isTenant"] {
    return this.#parts.instances.isTenant;
  }

  get reloader(): Reloader {
    return this.#parts.reloader;
  }

  get audit(): AuditTable {
    return this.#parts.audit;
  }

  get control(): ControlApi {
    return this.#parts.control;
  }

  async handOver(): Promise<EngineHandover> {
    const { exclusive, instances, leasesPath: path } = this.#parts;
    this.#state = "handedOver";
    const actors = this.supervisor.actors();
    const leases = new LeaseReport({ path, clock: systemClock, actors });
    const handoverState = handOverInstances(instances, () => leases.changed());
    await exclusive.disposeAsync();
    return { handoverState, leases };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { control, exclusive, instances, services } = this.#parts;
    if (this.#state === "handedOver") return control.close();
    // Disposed in reverse: the lock of the data directory is released in any case.
    await using parts = new AsyncDisposableStack();
    parts.use(exclusive);
    parts.defer(() => stopInstances(instances));
    parts.use(services);
  }
}

function openReloader(
  { loadConfig: load }: EngineOptions,
  { supervisor, logs }: { supervisor: Supervisor; logs: LogHub },
): Reloader {
  const reloader = new Reloader({ supervisor, load });
  reloader.onSettings(({ logRetentionMs, logMaxBytes }) =>
    logs.limit({ retentionMs: logRetentionMs, maxBytes: logMaxBytes }),
  );
  return reloader;
}

function openApi(
  { config, domain, report, version }: EngineOptions,
  parts: EngineContext & Records & { supervisor: Supervisor; reloader: Reloader },
): ControlApi {
  const { supervisor, reloader, database, logs, port, restart } = parts;
  const operator = new Operator(supervisor);
  return openControlApi({
    administration: operator,
    deploys: new Deployer(supervisor, operator),
    domains: supervisor.domains,
    reloader,
    restart,
    logs,
    tokens: database.tokens,
    audit: database.audit,
    statistics: supervisor.world.statistics,
    report,
    clock: systemClock,
    dataDir: config.settings.dataDir,
    version,
    publicUrl: ({ service, id }) => `http://${id}.${service}.${domain}:${port()}`,
  });
}

function openLogs({ config, report }: EngineOptions): Promise<LogHub> {
  const { dataDir, logMaxBytes, logRetentionMs } = config.settings;
  return openLogHub({
    file: `${dataDir}/logs.db`,
    retentionMs: logRetentionMs,
    maxBytes: logMaxBytes,
    onNotice: report,
  });
}
