// Everything of the server behind its public listener: data directory, store, logs, supervisor, control API. Opened in
// order,
// closed in reverse, or handed over to the server that follows.
import { type ControlApi, openControlApi } from "../control/api.ts";
import type { ServerRestart } from "../control/control-world.ts";
import type { Config } from "../core/service.ts";
import type { AuditTable } from "../database/audit.ts";
import { openStore } from "../database/database.ts";
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
  type Base,
  type Instances,
  type InstancesOptions,
  leaveAll,
  openInstances,
  stopAll,
} from "./assembly.ts";

export interface EngineOptions extends InstancesOptions {
  /** Reads the configuration anew; rejects with CONFIG_INVALID. */
  readonly loadConfig: () => Promise<Config>;
  readonly version: string;
}

export interface EngineSurroundings {
  /** What an earlier server that lives has handed over; null: there is none. */
  readonly handoverState: unknown;
  /** The port that the public reaches. */
  readonly port: () => number;
  readonly restart: ServerRestart;
}

/**
 * An earlier server that lives tells of its leases as soon as this one serves. One that has died since must not keep
 * instances awake.
 */
const LEASE_REPORT_GRACE_MS = 10_000;

/** For what of an earlier server's leases is told, in the data directory. */
const LEASES_SOCKET = ".leases.sock";

export interface Handover {
  readonly handoverState: HandoverState;
  /** To be begun once the server that follows serves. */
  readonly leases: LeaseReport;
}

export interface Engine extends AsyncDisposable {
  readonly supervisor: Supervisor;
  readonly reloader: Reloader;
  readonly control: ControlApi;
  readonly audit: AuditTable;
  /**
   * Lets go of every instance, and then of the data directory. What is left is the control API, as long as it passes
   * on.
   */
  handOver(): Promise<Handover>;
}

/**
 * Resolves when what an earlier server left has been taken over. When it fails, no tenant is left without a server:
 * they are
 * stopped, or stay as they are where the earlier server lives and goes on with them.
 */
export async function openEngine(
  options: EngineOptions,
  surroundings: EngineSurroundings,
): Promise<Engine> {
  const { dataDir } = options.config.settings;
  await using held = new AsyncDisposableStack();
  held.use(lockDirectory(dataDir));
  const store = held.use(openStore(dataDir));
  const logs = held.use(await openLogs(options));
  const instances = openInstances(options, { store, logs });
  await using failing = new AsyncDisposableStack();
  const isAlone = surroundings.handoverState === null;
  failing.defer(() => (isAlone ? stopAll(instances) : void leaveAll(instances, () => undefined)));
  await using own = new AsyncDisposableStack();
  const { firewall, leftovers, supervisor } = instances;
  const received = new ReceivedHandover(surroundings.handoverState);
  await takeOver(supervisor, { leftovers, received });
  firewall?.dropAdopted();
  const path = `${dataDir}/${LEASES_SOCKET}`;
  own.use(new LeaseLedger({ path, supervisor, onReport: () => received.releaseLeases() }));
  own.defer(systemClock.after(LEASE_REPORT_GRACE_MS, () => received.releaseLeases()));
  const reloader = openReloader(options, { supervisor, logs });
  const control = openApi(options, { ...surroundings, supervisor, reloader, store, logs });
  own.defer(() => control.close());
  failing.move();
  return new OpenEngine({
    instances,
    reloader,
    control,
    audit: store.audit,
    path,
    held: held.move(),
    own: own.move(),
  });
}

interface EngineParts {
  readonly instances: Instances;
  readonly reloader: Reloader;
  readonly control: ControlApi;
  readonly audit: AuditTable;
  /** For leases. */
  readonly path: string;
  /** What only one server can have. */
  readonly held: AsyncDisposableStack;
  readonly own: AsyncDisposableStack;
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

  get reloader(): Reloader {
    return this.#parts.reloader;
  }

  get audit(): AuditTable {
    return this.#parts.audit;
  }

  get control(): ControlApi {
    return this.#parts.control;
  }

  async handOver(): Promise<Handover> {
    const { held, instances, path } = this.#parts;
    this.#state = "handedOver";
    const actors = this.supervisor.actors();
    const leases = new LeaseReport({ path, clock: systemClock, actors });
    const handoverState = leaveAll(instances, () => leases.changed());
    await held.disposeAsync();
    return { handoverState, leases };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { control, held, instances, own } = this.#parts;
    if (this.#state === "handedOver") return control.close();
    await own.disposeAsync();
    await stopAll(instances);
    await held.disposeAsync();
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
  office: EngineSurroundings & Base & { supervisor: Supervisor; reloader: Reloader },
): ControlApi {
  const { supervisor, reloader, store, logs, port, restart } = office;
  const operator = new Operator(supervisor);
  return openControlApi({
    administration: operator,
    deploys: new Deployer(supervisor, operator),
    domains: supervisor.domains,
    reloader,
    restart,
    logs,
    tokens: store.tokens,
    audit: store.audit,
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
