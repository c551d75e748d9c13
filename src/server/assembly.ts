// Assembles the parts that run instances: the supervisor, and the isolation, volumes and firewall of its launches.
import type { InstanceRef } from "../core/ref.ts";
import { serverFiles } from "../core/server-files.ts";
import { bindsHostPorts, type Config, type Service } from "../core/service.ts";
import type { TenementDatabase } from "../database/database.ts";
import {
  type Firewall,
  type NftFirewall,
  NO_FIREWALL,
  openFirewall,
} from "../isolation/firewall/firewall.ts";
import type { Claim } from "../isolation/firewall/rules.ts";
import { Isolation } from "../isolation/isolation.ts";
import { installLauncher } from "../isolation/launcher/launcher-program.ts";
import type { LogHub } from "../logs/hub.ts";
import { Statistics } from "../metrics/statistics.ts";
import { systemClock } from "../platform/clock.ts";
import { hostUsers } from "../platform/host-users.ts";
import { spawnAttached } from "../platform/process/attached-spawner.ts";
import { Ports } from "../platform/process/ports.ts";
import { bunSpawner } from "../platform/process/spawner.ts";
import { StorageGauge } from "../storage/gauge.ts";
import { Volumes } from "../storage/volumes.ts";
import { StorageWatch } from "../storage/watch.ts";
import { type HandoverState, handOver } from "../supervisor/handover/handover-state.ts";
import { Leftovers } from "../supervisor/handover/leftovers.ts";
import type { InstanceWorld } from "../supervisor/instance/instance-world.ts";
import { socketProber } from "../supervisor/instance/probe.ts";
import { ExecLaunches } from "../supervisor/launch/exec-launches.ts";
import { InstanceHome } from "../supervisor/launch/home.ts";
import { Launches } from "../supervisor/launch/launches.ts";
import { StartQueue } from "../supervisor/launch/start-queue.ts";
import { Supervisor } from "../supervisor/supervisor.ts";

export interface InstancesOptions {
  readonly config: Config;
  /** Lower case, without a trailing dot. */
  readonly domain: string;
  /** Receives errors and notices that no caller waits for. */
  readonly report: (event: unknown) => void;
}

/** The records in the data directory: only one server at a time may have them open. */
export interface Records {
  readonly database: TenementDatabase;
  readonly logs: LogHub;
}

export interface Instances {
  readonly supervisor: Supervisor;
  readonly firewall: NftFirewall | null;
  readonly isolation: Isolation;
  readonly volumes: Volumes;
  readonly leftovers: Leftovers;
  /** Whether a user of this host is that of an instance, of this or another server. */
  readonly isTenant: (user: number) => boolean;
}

export interface StoppingParts {
  readonly supervisor: Pick<Supervisor, "close">;
  readonly firewall: Disposable | null;
  readonly isolation: Disposable & { readonly trash: AsyncDisposable };
  readonly volumes: AsyncDisposable;
}

/** Nothing runs yet. */
export function openInstances(options: InstancesOptions, { database, logs }: Records): Instances {
  const { dataDir } = options.config.settings;
  const recorded = claimsOf(database, options);
  const firewall = openFirewall({ dataDir, clock: systemClock, recorded });
  const services = () => supervisor.config.services.values();
  const isolation = openIsolation(options, { database, services });
  const discard = (path: string) => isolation.trash.discard(path);
  const volumes = new Volumes({ dataDir, discard, report: options.report });
  const parts = { database, logs, isolation, volumes, firewall: firewall ?? NO_FIREWALL };
  const { report } = options;
  const leftovers = new Leftovers({ report, dataDir, spawner: bunSpawner, isolation, volumes });
  const supervisor = openSupervisor(options, parts);
  const isTenant = tenantUsers(database);
  return { firewall, isolation, volumes, leftovers, supervisor, isTenant };
}

/** Ids outside the range, which an earlier version gave, are none of those that come. */
function tenantUsers({ userIds }: TenementDatabase): (user: number) => boolean {
  const { first, last } = hostUsers.range;
  const earlier = new Set(userIds.all());
  return (user) => (user >= first && user <= last) || earlier.has(user);
}

/**
 * Stops every instance, then unmounts volumes and removes the directories, groups and rules of the launches. A step
 * that fails keeps none of the others back.
 */
export async function stopInstances({
  supervisor,
  firewall,
  isolation,
  volumes,
}: StoppingParts): Promise<void> {
  // Disposed in reverse.
  await using parts = new AsyncDisposableStack();
  parts.use(firewall);
  parts.use(isolation);
  parts.use(isolation.trash);
  parts.use(volumes);
  await supervisor.close();
}

/** Leaves the processes, their volumes and firewall rules to the next server. */
export function handOverInstances(
  { supervisor, firewall, isolation }: Instances,
  onTraffic: () => void,
): HandoverState {
  firewall?.abandon();
  // The next server deletes the rest of the trash.
  isolation.trash[Symbol.asyncDispose]().catch(() => undefined);
  return handOver(supervisor, onTraffic);
}

/** The ports that processes of a previous server hold, so that the firewall protects them from the start. */
function claimsOf(
  { instances, userIds }: TenementDatabase,
  { config }: InstancesOptions,
): readonly Claim[] {
  return instances.list().flatMap(({ child, second, ref }) => {
    const { allowMetadata = false } = config.services.get(ref.service) ?? {};
    const records = [child, second].filter((record) => record !== null);
    const ports = records.flatMap(({ port, extraPorts = [] }) => [port, ...extraPorts]);
    return ports.map((port) => ({ port, owner: userIds.find(ref), allowMetadata }));
  });
}

function openIsolation(
  { config, report }: InstancesOptions,
  {
    database: { userIds },
    services,
  }: { database: TenementDatabase; services: () => Iterable<Service> },
): Isolation {
  const { dataDir } = config.settings;
  return new Isolation({
    dataDir,
    report,
    writePaths: () => [...services()].flatMap(({ writePaths }) => writePaths),
    sharesPorts: () => [...services()].some(bindsHostPorts),
    serverFiles: () => serverFiles(config, services()),
    userIdOf: (ref) => userIds.take(ref, hostUsers),
    installLauncher: () => installLauncher(dataDir),
  });
}

interface LaunchResources extends Records {
  readonly isolation: Isolation;
  readonly volumes: Volumes;
  readonly firewall: Firewall;
}

function openSupervisor(
  { config, domain, report }: InstancesOptions,
  { database, logs, isolation, volumes, firewall }: LaunchResources,
): Supervisor {
  const { dataDir, maxRunning, maxStarting } = config.settings;
  const clock = systemClock;
  const ports = Ports.startingAnywhere();
  const shared = { dataDir, isolation, ports, firewall, serverEnv: process.env };
  const launches = new Launches({ ...shared, clock, report, spawner: bunSpawner, logs });
  const releaseUserId = (ref: InstanceRef) => database.userIds.release(ref);
  const { trash, trees } = isolation;
  const home = new InstanceHome({ dataDir, volumes, isolation, trash, trees, releaseUserId });
  const measure = (ref: InstanceRef) => home.measure(ref);
  const gauge = new StorageGauge({ clock, measure });
  const world: InstanceWorld = {
    clock,
    random: Math.random,
    launches,
    execLaunches: new ExecLaunches({ ...shared, report, spawn: spawnAttached }),
    home,
    prober: socketProber,
    queue: new StartQueue({ maxRunning, maxStarting }, clock),
    table: database.instances,
    domains: database.domains,
    statistics: new Statistics(),
    storage: new StorageWatch({ clock, gauge, logs, audit: database.audit, report }),
    logs,
    hostnameOf: ({ service, id }) => `${id}.${service}.${domain}`,
    report,
  };
  return new Supervisor(config, { domain, world });
}
