// Composition root of the server: opens everything in order, closes it in reverse.
import { type ControlServer, openControl } from "./control/server.ts";
import type { Claim } from "./core/firewall.ts";
import type { InstanceRef } from "./core/ref.ts";
import type { Config } from "./core/service.ts";
import { systemClock } from "./platform/clock.ts";
import { type Firewall, NO_FIREWALL, openFirewall } from "./platform/firewall.ts";
import { Isolation } from "./platform/isolation.ts";
import { installLauncher } from "./platform/launcher-file.ts";
import { lockDirectory } from "./platform/lock.ts";
import { Ports } from "./platform/ports.ts";
import { bunSpawner } from "./platform/spawner.ts";
import { Volumes } from "./platform/volumes.ts";
import { openProxy, type Proxy as PublicProxy } from "./proxy/listener.ts";
import { openStore, type Store } from "./store/database.ts";
import { Deployer } from "./supervisor/deploys.ts";
import { Inheritance } from "./supervisor/estate.ts";
import { Launcher } from "./supervisor/launcher.ts";
import { Operator } from "./supervisor/operator.ts";
import { Reloader } from "./supervisor/reloader.ts";
import { socketProber } from "./supervisor/probe.ts";
import { StartQueue } from "./supervisor/start-queue.ts";
import { StorageGauge } from "./supervisor/storage-gauge.ts";
import { StorageWatch } from "./supervisor/storage-watch.ts";
import { Supervisor } from "./supervisor/supervisor.ts";
import { takeOver } from "./supervisor/takeover.ts";
import type { World } from "./supervisor/world.ts";
import { Statistics } from "./telemetry/statistics.ts";
import { type LogHub, openLogHub } from "./telemetry/log-hub.ts";

export interface DaemonOptions {
  readonly config: Config;
  /** Reads the configuration anew; rejects with CONFIG_INVALID. */
  readonly loadConfig: () => Promise<Config>;
  /** Lower case, without a trailing dot. */
  readonly domain: string;
  /** Addresses to listen on, all at the same port; port 0 chooses one. */
  readonly listen: { readonly hosts: readonly string[]; readonly port: number };
  readonly version: string;
  /** Something went wrong, or is worth knowing, that no caller waits for. */
  readonly report: (event: unknown) => void;
}

export interface Daemon {
  readonly port: number;
  /** Of the control API, whose caller is the administrator. */
  readonly socketPath: string;
  /** Stops every instance, then everything else; `drain: false` does not wait for open requests. */
  close(options: { drain: boolean }): Promise<void>;
}

/** Starts the server; resolves once it listens and has taken over what an earlier one left. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  await using opening = new AsyncDisposableStack();
  const { dataDir } = options.config.settings;
  opening.use(lockDirectory(dataDir));
  const store = opening.use(openStore(dataDir));
  const logs = opening.use(await openLogs(options));
  const firewall = openFirewall({
    dataDir,
    clock: systemClock,
    inherited: claimsOf(store, options),
  });
  if (firewall !== null) opening.use(firewall);
  const isolation = opening.use(openIsolation(dataDir, store));
  const volumes = opening.use(new Volumes(dataDir));
  const parts = { store, logs, isolation, volumes, firewall: firewall ?? NO_FIREWALL };
  const supervisor = openSupervisor(options, parts);
  // Whatever fails below, no tenant is left without a server.
  opening.defer(() => supervisor.close());
  await takeOver(supervisor, { spawner: bunSpawner, inheritance: new Inheritance() });
  firewall?.forgetInherited();
  const address = { port: options.listen.port };
  const operator = new Operator(supervisor);
  const reloader = new Reloader({ supervisor, load: options.loadConfig });
  reloader.onSettings(({ logRetentionMs, logMaxBytes }) =>
    logs.limit({ retentionMs: logRetentionMs, maxBytes: logMaxBytes }),
  );
  const control = openControl({
    administration: operator,
    deploys: new Deployer(supervisor, operator),
    domains: supervisor.domains,
    reloader,
    logs,
    tokens: store.tokens,
    audit: store.audit,
    statistics: supervisor.world.statistics,
    report: options.report,
    clock: systemClock,
    dataDir,
    version: options.version,
    publicUrl: ({ service, id }) => `http://${id}.${service}.${options.domain}:${address.port}`,
  });
  opening.defer(() => control.close());
  const proxy = await openFront(options, { supervisor, control });
  address.port = proxy.port;
  reloader.onSettings(({ trustedProxies }) => proxy.trust(trustedProxies));
  const resources = opening.move();
  let closing: Promise<void> | null = null;
  return {
    port: proxy.port,
    socketPath: control.adminSocket,
    close({ drain }) {
      if (!drain) proxy.abort();
      closing ??= closeDaemon(proxy, supervisor, resources);
      return closing;
    },
  };
}

async function closeDaemon(
  proxy: PublicProxy,
  supervisor: Supervisor,
  resources: AsyncDisposableStack,
): Promise<void> {
  const drained = proxy.close();
  await supervisor.close();
  // What is left are connections that no instance was waiting for.
  proxy.abort();
  await drained;
  await resources.disposeAsync();
}

function openLogs({ config, report }: DaemonOptions): Promise<LogHub> {
  const { dataDir, logMaxBytes, logRetentionMs } = config.settings;
  return openLogHub({
    file: `${dataDir}/logs.db`,
    retentionMs: logRetentionMs,
    maxBytes: logMaxBytes,
    onNotice: report,
  });
}

/** What the launches of an earlier server claim of the firewall. */
function claimsOf({ instances, userIds }: Store, { config }: DaemonOptions): readonly Claim[] {
  return instances.list().flatMap(({ child, other, ref }) => {
    const { allowMetadata = false } = config.services.get(ref.service) ?? {};
    const ports = [child, other].flatMap((record) => record?.port ?? []);
    return ports.map((port) => ({ port, owner: userIds.find(ref), allowMetadata }));
  });
}

function openIsolation(dataDir: string, { userIds }: Store): Isolation {
  return new Isolation({
    dataDir,
    userIdOf: (ref) => userIds.take(ref),
    installLauncher: () => installLauncher(dataDir),
  });
}

interface Resources {
  readonly store: Store;
  readonly logs: LogHub;
  readonly isolation: Isolation;
  readonly volumes: Volumes;
  readonly firewall: Firewall;
}

function openSupervisor(
  { config, domain, report }: DaemonOptions,
  { store, logs, isolation, volumes, firewall }: Resources,
): Supervisor {
  const { dataDir, maxRunning, maxStarting } = config.settings;
  const launcher = new Launcher({
    dataDir,
    spawner: bunSpawner,
    isolation,
    releaseUserId: (ref) => store.userIds.release(ref),
    ports: Ports.startingAnywhere(),
    firewall,
    volumes,
    logs,
    serverEnv: process.env,
  });
  const clock = systemClock;
  const measure = (ref: InstanceRef) => launcher.measureStorage(ref);
  const gauge = new StorageGauge({ clock, measure });
  const world: World = {
    clock,
    random: Math.random,
    launcher,
    prober: socketProber,
    queue: new StartQueue({ maxRunning, maxStarting }),
    table: store.instances,
    domains: store.domains,
    statistics: new Statistics(),
    storage: new StorageWatch({ clock, gauge, logs, audit: store.audit, report }),
    logs,
    hostOf: ({ service, id }) => `${id}.${service}.${domain}`,
    report,
  };
  return new Supervisor(config, { domain, world });
}

function openFront(
  { listen }: DaemonOptions,
  { supervisor, control }: { supervisor: Supervisor; control: ControlServer },
): Promise<PublicProxy> {
  return openProxy({
    gateway: supervisor,
    control: { kind: "unix", path: control.innerSocket },
    clock: systemClock,
    trustedProxies: supervisor.config.settings.trustedProxies,
    observe: (exchange) => supervisor.world.statistics.request(exchange.ref, exchange),
    listen: { kind: "address", ...listen },
  });
}
