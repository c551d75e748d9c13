// A supervisor and logs that do as they are told, for tests of the control API and of the command line.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlApi, openControlApi } from "../../../src/control/api.ts";
import { Client } from "../../../src/control/client/client.ts";
import type { ServerRestart } from "../../../src/control/control-world.ts";
import { planOpenApi } from "../../../src/control/routes/openapi.ts";
import { ROUTES } from "../../../src/control/routes/routes.ts";
import { TenError } from "../../../src/core/errors.ts";
import { formatRef, type InstanceRef, parseRef } from "../../../src/core/ref.ts";
import type { ReloadPlan } from "../../../src/core/reload-plan.ts";
import type { Service } from "../../../src/core/service.ts";
import { openTenementDatabase, type TenementDatabase } from "../../../src/database/database.ts";
import type { LogHub } from "../../../src/logs/hub.ts";
import type { LogFilter, LogLine } from "../../../src/logs/line.ts";
import { Statistics } from "../../../src/metrics/statistics.ts";
import { type Clock, systemClock } from "../../../src/platform/clock.ts";
import { measureDirectory } from "../../../src/storage/measure.ts";
import type {
  Administration,
  InstanceStory,
  InstanceView,
  Registration,
} from "../../../src/supervisor/administration.ts";
import { Domains } from "../../../src/supervisor/domains.ts";
import type { DeployOrder, Deploys, RouteOrder } from "../../../src/supervisor/rollout/deploys.ts";
import type { ReloadOutcome } from "../../../src/supervisor/rollout/reloader.ts";
import type {
  RolloutOptions,
  RolloutOutcome,
  RolloutProgress,
} from "../../../src/supervisor/rollout/rollout.ts";
import { Contract } from "../../support/contract.ts";
import { serviceWith } from "../../support/service.ts";

export function viewOf(name: string, changes: Partial<InstanceView> = {}): InstanceView {
  return {
    ref: parseRef(name),
    state: "asleep",
    health: "asleep",
    failure: null,
    warnings: [],
    weight: 100,
    endpoint: null,
    pid: null,
    port: null,
    uptimeMs: null,
    idleMs: null,
    restarts: 0,
    storageQuotaBytes: null,
    gaps: [],
    ...changes,
  };
}

const RUNNING = {
  state: "running",
  health: "healthy",
  endpoint: { kind: "tcp", host: "127.0.0.1", port: 30_001 },
  pid: 4711,
  port: 30_001,
  uptimeMs: 65_400,
  idleMs: 1999,
} as const satisfies Partial<InstanceView>;

/** Instances as a table; every order is written down. */
export class FakeAdministration implements Administration {
  readonly views = new Map<string, InstanceView>();
  readonly env = new Map<string, Record<string, string>>();
  readonly stories = new Map<string, Partial<InstanceStory>>();
  readonly orders: string[] = [];
  /** What the next start fails with. */
  startFailure: Error | null = null;
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  add(name: string, changes: Partial<InstanceView> = {}): void {
    this.views.set(name, viewOf(name, changes));
  }

  addRunning(name: string, changes: Partial<InstanceView> = {}): void {
    this.add(name, { ...RUNNING, ...changes });
  }

  services(): ReadonlyMap<string, Service> {
    return new Map([["notes", serviceWith()]]);
  }

  list(): readonly InstanceView[] {
    return [...this.views.values()];
  }

  view(ref: InstanceRef): InstanceView {
    const view = this.views.get(formatRef(ref));
    if (view !== undefined) return view;
    throw new TenError("INSTANCE_UNKNOWN", `Cannot find "${formatRef(ref)}": it is not registered`);
  }

  story(ref: InstanceRef): InstanceStory {
    return {
      view: this.view(ref),
      openRequests: 0,
      openTunnels: 0,
      sleepsAt: null,
      retriesAt: null,
      lastWake: null,
      lastExit: null,
      ...this.stories.get(formatRef(ref)),
    };
  }

  async memory(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>> {
    return new Map(refs.map((ref) => [formatRef(ref), 12_900_000]));
  }

  measureStorage(ref: InstanceRef): Promise<number> {
    return measureDirectory(this.dataDirectory(ref));
  }

  async storage(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>> {
    const sizes = refs.map(
      async (ref) => [formatRef(ref), await this.measureStorage(ref)] as const,
    );
    return new Map(await Promise.all(sizes));
  }

  dataDirectory({ service, id }: InstanceRef): string {
    return join(this.#dataDir, service, id);
  }

  register(ref: InstanceRef, { weight = 100, env = {} }: Registration): void {
    if (!this.services().has(ref.service)) {
      throw new TenError("SERVICE_UNKNOWN", `Cannot find service "${ref.service}"`);
    }
    this.orders.push(`register ${formatRef(ref)}`);
    this.env.set(formatRef(ref), { ...env });
    this.views.set(formatRef(ref), viewOf(formatRef(ref), { weight }));
  }

  async start(ref: InstanceRef): Promise<InstanceView> {
    const view = this.view(ref);
    if (this.startFailure !== null) throw this.startFailure;
    if (view.state === "disabled") {
      throw new TenError("CONFLICT", `Cannot start "${formatRef(ref)}": it is disabled`);
    }
    return this.#turn("start", { ...view, ...RUNNING });
  }

  async stop(ref: InstanceRef): Promise<InstanceView> {
    return this.#rest("stop", ref, "stopped");
  }

  async sleep(ref: InstanceRef): Promise<InstanceView> {
    return this.#rest("sleep", ref, "asleep");
  }

  async restart(ref: InstanceRef): Promise<InstanceView> {
    return this.#turn("restart", { ...this.view(ref), ...RUNNING });
  }

  async disable(ref: InstanceRef): Promise<InstanceView> {
    return this.#rest("disable", ref, "disabled");
  }

  async enable(ref: InstanceRef): Promise<InstanceView> {
    return this.#rest("enable", ref, "asleep");
  }

  async remove(ref: InstanceRef, { purge }: { purge: boolean }): Promise<void> {
    this.view(ref);
    this.orders.push(`${purge ? "purge" : "remove"} ${formatRef(ref)}`);
    this.views.delete(formatRef(ref));
  }

  setWeight(ref: InstanceRef, weight: number): InstanceView {
    return this.#turn("weigh", { ...this.view(ref), weight });
  }

  environment(ref: InstanceRef): Readonly<Record<string, string>> {
    this.view(ref);
    return this.env.get(formatRef(ref)) ?? {};
  }

  setEnvironment(ref: InstanceRef, changes: Readonly<Record<string, string | null>>): void {
    const env: Record<string, string> = { ...this.environment(ref) };
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) delete env[name];
      else env[name] = value;
    }
    this.env.set(formatRef(ref), env);
  }

  #rest(order: string, ref: InstanceRef, state: "asleep" | "stopped" | "disabled"): InstanceView {
    const { weight } = this.view(ref);
    return this.#turn(order, viewOf(formatRef(ref), { state, health: state, weight }));
  }

  #turn(order: string, view: InstanceView): InstanceView {
    this.orders.push(`${order} ${formatRef(view.ref)}`);
    this.views.set(formatRef(view.ref), view);
    return view;
  }
}

/** Weights change as they are told to; what a rollout brings is made up by the test. */
export class FakeDeploys implements Deploys {
  readonly orders: string[] = [];
  /** What the next deploy or route fails with. */
  failure: Error | null = null;
  progress: readonly RolloutProgress[] = [{ kind: "begun", total: 0 }];
  outcome: RolloutOutcome = { replaced: [], skipped: [], failed: [], remaining: [] };
  readonly #administration: FakeAdministration;

  constructor(administration: FakeAdministration) {
    this.#administration = administration;
  }

  async deploy({ ref, weight, timeoutMs, record }: DeployOrder): Promise<InstanceView> {
    this.orders.push(`deploy ${formatRef(ref)} ${weight} ${timeoutMs}`);
    if (this.failure !== null) throw this.failure;
    this.#administration.addRunning(formatRef(ref), { weight });
    record();
    return this.#administration.view(ref);
  }

  async route({ from, to, record }: RouteOrder) {
    if (this.failure !== null) throw this.failure;
    const weight = this.#administration.view(from).weight;
    record();
    return {
      from: this.#administration.setWeight(from, 0),
      to: this.#administration.setWeight(to, weight),
    };
  }

  async rollout(
    service: string,
    { parallel, onProgress }: RolloutOptions,
  ): Promise<RolloutOutcome> {
    if (!this.#administration.services().has(service)) {
      throw new TenError("SERVICE_UNKNOWN", `Cannot find service "${service}"`);
    }
    this.orders.push(`rollout ${service} ${parallel}`);
    for (const each of this.progress) onProgress?.(each);
    return this.outcome;
  }
}

interface Follower {
  readonly filter: LogFilter;
  readonly onLines: (lines: readonly LogLine[]) => void;
}

/** Logs in memory. Like the real ones, a search brings what was written before it, a follower what comes after. */
export class FakeLogs implements LogHub {
  readonly lines: LogLine[] = [];
  readonly followers = new Set<Follower>();
  readonly queries: { readonly filter: LogFilter; readonly limit: number }[] = [];
  /** Held back until the test lets it go. */
  searching: Promise<void> = Promise.resolve();
  #onFollow = Promise.withResolvers<void>();

  /** Resolves when somebody follows. */
  get followed(): Promise<void> {
    return this.#onFollow.promise;
  }

  write(...lines: readonly LogLine[]): void {
    this.lines.push(...lines);
    for (const { filter, onLines } of this.followers) {
      const matching = lines.filter((line) => matches(filter, line));
      if (matching.length > 0) onLines(matching);
    }
  }

  attach(): void {
    throw new Error("not in these tests");
  }

  note(ref: InstanceRef, text: string): void {
    this.write({ at: 0, ref, stream: "stderr", text });
  }

  async query(filter: LogFilter, limit: number): Promise<readonly LogLine[]> {
    this.queries.push({ filter, limit });
    const found = this.lines.filter((line) => matches(filter, line)).slice(-limit);
    await this.searching;
    return found;
  }

  follow(filter: LogFilter, onLines: (lines: readonly LogLine[]) => void): () => void {
    const follower = { filter, onLines };
    this.followers.add(follower);
    this.#onFollow.resolve();
    return () => this.followers.delete(follower);
  }

  limit(): void {
    // Nothing is kept.
  }

  forget(): void {
    throw new Error("not in these tests");
  }

  counters(): { stored: number; dropped: number } {
    return { stored: this.lines.length, dropped: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.followers.clear();
  }
}

function matches({ service, id, stream }: LogFilter, line: LogLine): boolean {
  return (
    (service ?? line.ref.service) === line.ref.service &&
    (id ?? line.ref.id) === line.ref.id &&
    (stream ?? line.stream) === line.stream
  );
}

function headersOf({ headers, body }: RequestInit): Headers {
  const all = new Headers(headers);
  if (body !== undefined && !all.has("Content-Type")) all.set("Content-Type", "application/json");
  return all;
}

export function lineOf(name: string, text: string, changes: Partial<LogLine> = {}): LogLine {
  const at = Date.UTC(2026, 0, 31, 12);
  return { at, ref: parseRef(name), stream: "stdout", text, ...changes };
}

export const NO_CHANGE: ReloadPlan = {
  added: [],
  changed: [],
  removed: [],
  instances: [],
  settings: [],
  routing: [],
  server: [],
};

export const CONTRACT = new Contract(planOpenApi(ROUTES, "1.2.3"));

/** The control API on real sockets, with a real store and all else made up. */
export class ControlWorld implements AsyncDisposable {
  readonly dataDir = mkdtempSync(join(tmpdir(), "ten-control-"));
  readonly administration = new FakeAdministration(this.dataDir);
  readonly deploys = new FakeDeploys(this.administration);
  readonly logs = new FakeLogs();
  readonly statistics = new Statistics();
  readonly faults: unknown[] = [];
  readonly store: TenementDatabase = openTenementDatabase(this.dataDir);
  /** notes:alice, notes:bob and notes may have hosts of their own. */
  readonly domains = new Domains({
    table: this.store.domains,
    rootDomain: "localhost",
    ownerOf: (host) => (host === "bob.notes.localhost" ? parseRef("notes:bob") : null),
    checkTarget: ({ id }) => {
      if (id === null || ["alice", "bob"].includes(id)) return;
      throw new TenError("INSTANCE_UNKNOWN", `Cannot find "notes:${id}": it is not registered`);
    },
  });
  readonly #clock: Clock;
  #server: ControlApi | null = null;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  static async open(clock?: Clock): Promise<ControlWorld> {
    const world = new ControlWorld(clock);
    await world.start();
    return world;
  }

  restart: ServerRestart = async (record) => {
    record("done");
    return { old: { version: "1.2.3", pid: 1 }, new: { version: "1.2.4", pid: 2 } };
  };

  async start(dataDir = this.dataDir): Promise<void> {
    this.#server = openControlApi({
      administration: this.administration,
      deploys: this.deploys,
      reloader: this.reloader,
      domains: this.domains,
      restart: (record) => this.restart(record),
      logs: this.logs,
      tokens: this.store.tokens,
      audit: this.store.audit,
      statistics: this.statistics,
      clock: this.#clock,
      dataDir,
      version: "1.2.3",
      publicUrl: ({ service, id }) => `http://${id}.${service}.localhost:8080`,
      report: (fault) => this.faults.push(fault),
    });
  }

  get server(): ControlApi {
    if (this.#server === null) throw new Error("The control API is not open");
    return this.#server;
  }

  /** Calls as whoever may open the administrator's socket. */
  client(): Client {
    return new Client({ kind: "unix", path: this.server.adminSocket });
  }

  token(tenant: string | null): string {
    return this.store.tokens.create({ tenant, description: "" }, Date.now()).token;
  }

  /** Finds that nothing has changed, unless a test has it find something. */
  readonly reloader = {
    outcome: { plan: NO_CHANGE, replaced: [], failed: [] } as ReloadOutcome,
    plan: async () => this.reloader.outcome.plan,
    reload: async () => this.reloader.outcome,
  };

  /** Asks at the administrator's socket; a body is JSON unless a header says otherwise. */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return this.#ask(path, { ...init, headers: headersOf(init), unix: this.server.adminSocket });
  }

  /** Asks at the socket for strangers, as the proxy forwards it. */
  askOutside(
    path: string,
    { token, headers, ...init }: RequestInit & { token?: string } = {},
  ): Promise<Response> {
    const all = headersOf({ ...init, headers: headers ?? {} });
    if (token !== undefined) all.set("Authorization", `Bearer ${token}`);
    if (!all.has("X-Forwarded-For")) all.set("X-Forwarded-For", "203.0.113.7");
    return this.#ask(path, { ...init, headers: all, unix: this.server.innerSocket });
  }

  /** Every answer is held to what the API says of itself. */
  async #ask(path: string, init: BunFetchRequestInit): Promise<Response> {
    const response = await fetch(`http://localhost${path}`, init);
    if (init.method !== "HEAD") await CONTRACT.check(init.method ?? "GET", path, response);
    return response;
  }

  /** The audit trail as `who action subject outcome`, oldest first. */
  get trail(): readonly string[] {
    return this.store.audit
      .list(1000)
      .map((row) => `${row.actor} ${row.action} ${row.subject} ${row.outcome}`)
      .reverse();
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.store[Symbol.dispose]();
    rmSync(this.dataDir, { recursive: true });
  }
}
