// All that stands around the instances: the supervisor, and the walls, volumes and firewall that its launches live in.
import type { InstanceRef } from "../core/ref.ts";
import type { Config } from "../core/service.ts";
import type { Store } from "../database/database.ts";
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
import { Ports } from "../platform/process/ports.ts";
import { bunSpawner } from "../platform/process/spawner.ts";
import { StorageGauge } from "../storage/gauge.ts";
import { Volumes } from "../storage/volumes.ts";
import { StorageWatch } from "../storage/watch.ts";
import { type HandoverState, handOver } from "../supervisor/handover/handover-state.ts";
import { Leftovers } from "../supervisor/handover/leftovers.ts";
import type { InstanceWorld } from "../supervisor/instance/instance-world.ts";
import { socketProber } from "../supervisor/instance/probe.ts";
import { InstanceHome } from "../supervisor/launch/home.ts";
import { Launches } from "../supervisor/launch/launches.ts";
import { StartQueue } from "../supervisor/launch/start-queue.ts";
import { Supervisor } from "../supervisor/supervisor.ts";

export interface InstancesOptions {
  readonly config: Config;
  /** Lower case, without a trailing dot. */
  readonly domain: string;
  /** Something went wrong, or is worth knowing, that no caller waits for. */
  readonly report: (event: unknown) => void;
}

export interface Base {
  readonly store: Store;
  readonly logs: LogHub;
}

export interface Instances {
  readonly supervisor: Supervisor;
  readonly firewall: NftFirewall | null;
  readonly isolation: Isolation;
  readonly volumes: Volumes;
  readonly leftovers: Leftovers;
}

/** Opens all of it; nothing runs yet. */
export function openInstances(options: InstancesOptions, { store, logs }: Base): Instances {
  const { dataDir } = options.config.settings;
  const recorded = claimsOf(store, options);
  const firewall = openFirewall({ dataDir, clock: systemClock, recorded });
  const isolation = openIsolation(dataDir, store);
  const volumes = new Volumes(dataDir);
  const parts = { store, logs, isolation, volumes, firewall: firewall ?? NO_FIREWALL };
  const leftovers = new Leftovers({ dataDir, spawner: bunSpawner, isolation, volumes });
  return { firewall, isolation, volumes, leftovers, supervisor: openSupervisor(options, parts) };
}

/** Nothing of any instance is left. */
export async function stopAll({
  supervisor,
  firewall,
  isolation,
  volumes,
}: Instances): Promise<void> {
  await supervisor.close();
  await volumes[Symbol.asyncDispose]();
  isolation[Symbol.dispose]();
  firewall?.[Symbol.dispose]();
}

/** For another server: whatever stands around the processes stays. */
export function leaveAll(
  { supervisor, firewall }: Instances,
  onTraffic: () => void,
): HandoverState {
  firewall?.abandon();
  return handOver(supervisor, onTraffic);
}

/** What the launches of an earlier server claim of the firewall. */
function claimsOf({ instances, userIds }: Store, { config }: InstancesOptions): readonly Claim[] {
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

interface Resources extends Base {
  readonly isolation: Isolation;
  readonly volumes: Volumes;
  readonly firewall: Firewall;
}

function openSupervisor(
  { config, domain, report }: InstancesOptions,
  { store, logs, isolation, volumes, firewall }: Resources,
): Supervisor {
  const { dataDir, maxRunning, maxStarting } = config.settings;
  const launches = new Launches({
    dataDir,
    spawner: bunSpawner,
    isolation,
    ports: Ports.startingAnywhere(),
    firewall,
    logs,
    serverEnv: process.env,
  });
  const releaseUserId = (ref: InstanceRef) => store.userIds.release(ref);
  const home = new InstanceHome({ dataDir, volumes, isolation, releaseUserId });
  const clock = systemClock;
  const measure = (ref: InstanceRef) => home.measure(ref);
  const gauge = new StorageGauge({ clock, measure });
  const world: InstanceWorld = {
    clock,
    random: Math.random,
    launches,
    home,
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
