// A supervisor with fake processes on a fake clock, and real files and a real database in a temporary directory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChildRef, Exit, ProbeAnswer } from "../../src/core/life/instance.ts";
import type { InstanceRef, SlotRef } from "../../src/core/ref.ts";
import type { Config, Service } from "../../src/core/service.ts";
import { openTenementDatabase } from "../../src/database/database.ts";
import { type Firewall, NO_FIREWALL } from "../../src/isolation/firewall/firewall.ts";
import { Isolation } from "../../src/isolation/isolation.ts";
import type { LogHub } from "../../src/logs/hub.ts";
import type { LogPage } from "../../src/logs/line.ts";
import { Statistics } from "../../src/metrics/statistics.ts";
import { PORT_FIRST, Ports } from "../../src/platform/process/ports.ts";
import type { Child, Spawner, SweepOrder } from "../../src/platform/process/spawner.ts";
import { StorageGauge } from "../../src/storage/gauge.ts";
import { Volumes } from "../../src/storage/volumes.ts";
import { StorageWatch } from "../../src/storage/watch.ts";
import { ReceivedHandover } from "../../src/supervisor/handover/handover-state.ts";
import { Leftovers } from "../../src/supervisor/handover/leftovers.ts";
import type { InstanceActor } from "../../src/supervisor/instance/actor.ts";
import type { ProbeRequest } from "../../src/supervisor/instance/probe.ts";
import { InstanceHome } from "../../src/supervisor/launch/home.ts";
import { Launches } from "../../src/supervisor/launch/launches.ts";
import { StartQueue } from "../../src/supervisor/launch/start-queue.ts";
import { Operator } from "../../src/supervisor/operator.ts";
import { Deployer } from "../../src/supervisor/rollout/deploys.ts";
import { Supervisor } from "../../src/supervisor/supervisor.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { FakeExecLaunches } from "./fake-exec.ts";
import { fakeUsers } from "./fake-users.ts";
import { serviceWith } from "./service.ts";

export class FakeChild implements Child {
  readonly ref: ChildRef;
  readonly mark: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signals: string[] = [];
  readonly #exited = Promise.withResolvers<Exit>();
  readonly #gone = Promise.withResolvers<void>();
  readonly exited = this.#exited.promise;
  readonly gone: Promise<void>;
  /** False: only SIGKILL ends it. */
  obedient = true;

  constructor(
    ref: ChildRef,
    mark: string,
    env: Readonly<Record<string, string>>,
    gone?: Promise<void>,
  ) {
    this.ref = ref;
    this.mark = mark;
    this.env = env;
    this.gone = gone ?? this.#gone.promise;
  }

  get app(): number {
    return this.ref.pid;
  }

  /** False: another process has its port. */
  listens = true;

  async listensOn(): Promise<boolean> {
    return this.listens;
  }

  /** False: every peer is a process of another program. */
  isMember = true;

  includes(): boolean {
    return this.isMember;
  }

  isRunning(): boolean {
    return this.isLiving;
  }

  async memoryBytes(): Promise<number> {
    return 0;
  }

  signal(signal: NodeJS.Signals | number): void {
    this.signals.push(String(signal));
    if (typeof signal === "number") this.end({ kind: "signal", signal: "SIGKILL" });
    else if (this.obedient || signal === "SIGKILL") this.end({ kind: "signal", signal });
  }

  isLiving = true;

  /** The main process exits, and no other is left. */
  end(exit: Exit): void {
    this.isLiving = false;
    this.#exited.resolve(exit);
    this.#gone.resolve();
  }
}

export class FakeSpawner implements Spawner {
  readonly spawned: FakeChild[] = [];
  /** Processes of an earlier server, by pid. */
  readonly living = new Map<number, FakeChild>();
  /** Marks of processes that no record names. */
  readonly strays = new Set<string>();
  failure: Error | null = null;
  /** When the next processes are gone; null: once they have ended. */
  gone: Promise<void> | null = null;

  spawn({ env }: { env: Readonly<Record<string, string>> }, mark: string | null): Child {
    if (this.failure !== null) throw this.failure;
    const pid = 100 + this.spawned.length;
    const child = new FakeChild(
      { pid, startTime: pid * 10 },
      mark ?? "",
      env,
      this.gone ?? undefined,
    );
    this.spawned.push(child);
    return child;
  }

  adopt(ref: ChildRef): Child | null {
    const child = this.living.get(ref.pid);
    return child?.ref.startTime === ref.startTime ? child : null;
  }

  async sweep({ isUnwanted }: SweepOrder): Promise<number> {
    for (const mark of this.strays) if (isUnwanted(mark)) this.strays.delete(mark);
    return 0;
  }
}

export class FakeLogs implements LogHub {
  readonly notes: string[] = [];
  /** Ids of those whose output can't be read the next time. */
  readonly refused = new Set<string>();

  attach({ ref }: SlotRef): void {
    if (this.refused.delete(ref.id)) throw new Error("no pipe");
  }

  note(_: InstanceRef, text: string): void {
    this.notes.push(text);
  }

  async query(): Promise<LogPage> {
    return { lines: [], older: null };
  }

  follow(): () => void {
    return () => undefined;
  }

  limit(): void {
    // Nothing is kept.
  }

  forget(): void {
    // Nothing is stored.
  }

  counters(): { stored: number; dropped: number } {
    return { stored: 0, dropped: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is open.
  }
}

export interface FakeWorldOptions {
  readonly services?: readonly Partial<Service>[];
  readonly settings?: Partial<Config["settings"]>;
  readonly instances?: readonly InstanceRef[];
  readonly firewall?: Firewall;
  /** The directory of an earlier world, whose server has exited. */
  readonly dataDir?: string;
  /** What an earlier server handed over. */
  readonly handoverState?: unknown;
}

export type FakeWorld = ReturnType<typeof openFakeWorld>;

export function openFakeWorld({
  services = [{}],
  settings,
  instances = [],
  firewall = NO_FIREWALL,
  dataDir,
  handoverState,
}: FakeWorldOptions = {}) {
  const clock = new FakeClock();
  const spawner = new FakeSpawner();
  const logs = new FakeLogs();
  const directory = dataDir ?? mkdtempSync(join(tmpdir(), "ten-"));
  const store = openTenementDatabase(directory);
  const reports: unknown[] = [];
  /** Bytes stored, by id. */
  const sizes = new Map<string, number>();
  /** Ids of those that can't be measured as a whole. */
  const partlySeen = new Set<string>();
  const measuring = { now: 0, most: 0, held: Promise.resolve() };
  const measure = async ({ id }: InstanceRef) => {
    measuring.most = Math.max(measuring.most, ++measuring.now);
    await measuring.held;
    measuring.now--;
    return { bytes: sizes.get(id) ?? 0, isWhole: !partlySeen.has(id) };
  };
  const probes = { answer: readyOnPort as (request: ProbeRequest) => ProbeAnswer, asked: 0 };
  const config = fakeConfig({ services, settings: { ...settings, dataDir: directory }, instances });
  const isolation = new Isolation({
    dataDir: directory,
    userIdOf: (ref) => store.userIds.take(ref, fakeUsers()),
    writePaths: () => [],
    sharesPorts: () => false,
    serverFiles: () => [],
    installLauncher: () => null,
    report: (event) => reports.push(event),
  });
  const volumes = new Volumes({
    dataDir: directory,
    discard: (path) => isolation.trash.discard(path),
    report: (event) => reports.push(event),
  });
  const launches = new Launches({
    clock,
    dataDir: directory,
    report: (event) => reports.push(event),
    spawner,
    isolation,
    ports: new Ports(PORT_FIRST, { isFree: () => true }),
    firewall,
    logs,
    serverEnv: { PATH: "/usr/bin:/bin" },
  });
  const execs = new FakeExecLaunches();
  /** Purges delete no file before this resolves; rejected, they fail. */
  const deleting = { begun: 0, held: Promise.resolve() };
  const { trash, trees } = isolation;
  const home = new InstanceHome({
    dataDir: directory,
    volumes,
    isolation,
    trash,
    trees: {
      measure: (paths) => trees.measure(paths),
      delete: async (paths) => {
        deleting.begun++;
        await deleting.held;
        await trees.delete(paths);
      },
    },
    releaseUserId: (ref) => store.userIds.release(ref),
  });
  const storage = new StorageWatch({
    clock,
    gauge: new StorageGauge({ clock, measure }),
    logs,
    audit: store.audit,
    report: (event) => reports.push(event),
  });
  const world = {
    clock,
    random: () => 0,
    launches,
    execLaunches: execs,
    home,
    prober: async (request: ProbeRequest) => {
      probes.asked++;
      return probes.answer(request);
    },
    queue: new StartQueue(config.settings, clock),
    table: store.instances,
    domains: store.domains,
    statistics: new Statistics(),
    storage,
    logs,
    hostnameOf: ({ service, id }: InstanceRef) => `${id}.${service}.localhost`,
    report: (error: unknown) => reports.push(error),
  };
  const supervisor = new Supervisor(config, { domain: "localhost", world });
  const operator = new Operator(supervisor);
  return {
    clock,
    spawner,
    leftovers: new Leftovers({
      dataDir: directory,
      spawner,
      isolation,
      volumes,
      report: (event) => reports.push(event),
    }),
    received: new ReceivedHandover(handoverState),
    logs,
    store,
    probes,
    reports,
    sizes,
    partlySeen,
    measuring,
    deleting,
    dataDir: directory,
    supervisor,
    operator,
    deploys: new Deployer(supervisor, operator),
    spawned: spawner.spawned,
    execs: execs.launched,
    /** Registers an instance, asleep. */
    register: (id: string, service = "notes"): InstanceActor =>
      supervisor.create({ service, id }, {}),
    /** Long enough for a launch and its first probe. */
    ready: () => clock.advance(5),
    settle,
    dispose() {
      store[Symbol.dispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function readyOnPort({ endpoints }: ProbeRequest): ProbeAnswer {
  const [endpoint] = endpoints;
  return endpoint ? { kind: "ready", endpoint } : { kind: "unready", reason: "no process" };
}

function fakeConfig({
  services,
  settings,
  instances,
}: Required<Pick<FakeWorldOptions, "services" | "settings" | "instances">>): Config {
  const named = services.map((service) =>
    serviceWith({ argv: ["sleep", "1"], health: "/health", ...service }),
  );
  return {
    file: "/tenement.toml",
    settings: {
      dataDir: "/none",
      maxRunning: 0,
      maxStarting: 8,
      trustedProxies: [],
      maxConnections: 0,
      maxConnectionsPerAddress: 0,
      bufferLimitBytes: null,
      logRetentionMs: 1e9,
      logMaxBytes: 1e9,
      tls: {
        enabled: false,
        acmeEmail: null,
        domain: null,
        httpsPort: 443,
        httpPort: 80,
        staging: false,
        cacheDir: "/none/acme",
        dnsProvider: null,
      },
      ...settings,
    },
    services: new Map(named.map((service) => [service.name, service])),
    instances,
    routing: { default: null, subdomain: new Map(), path: [] },
  };
}
