// Instances in memory that obey every order.
import { join } from "node:path";
import { TenError } from "../../../src/core/errors.ts";
import { formatRef, type InstanceRef, parseRef } from "../../../src/core/ref.ts";
import type { Service } from "../../../src/core/service.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { type TreeSize, Trees } from "../../../src/platform/process/trees.ts";
import type {
  Administration,
  Exec,
  ExecRequest,
  InstanceStory,
  InstanceView,
  Registration,
} from "../../../src/supervisor/administration.ts";
import { RunningExec } from "../../../src/supervisor/exec/running-exec.ts";
import { FakeExec } from "../../support/fake-exec.ts";
import { serviceWith } from "../../support/service.ts";

const trees = new Trees({
  findLauncher: () => null,
  confine: () => ({ birthplace: null, admit: async () => undefined }),
});

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

/** Keeps instances in a map and records every order. */
export class FakeAdministration implements Administration {
  readonly views = new Map<string, InstanceView>();
  readonly env = new Map<string, Record<string, string>>();
  readonly stories = new Map<string, Partial<InstanceStory>>();
  readonly orders: string[] = [];
  /** The error of the next start. */
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
      lastLaunch: { at: 0, process: { slot: 0, port: 30_001 } },
      ...this.stories.get(formatRef(ref)),
    };
  }

  async memory(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>> {
    return new Map(refs.map((ref) => [formatRef(ref), 12_900_000]));
  }

  measureStorage(ref: InstanceRef): Promise<TreeSize> {
    return trees.measure([this.dataDirectory(ref)]);
  }

  async storage(refs: readonly InstanceRef[]): Promise<ReadonlyMap<string, number>> {
    const sizes = refs.map(
      async (ref) => [formatRef(ref), (await this.measureStorage(ref)).bytes] as const,
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

  /** The commands that have been started. */
  readonly execs: FakeExec[] = [];
  /** The error of the next command. */
  execFailure: Error | null = null;

  async exec(ref: InstanceRef, request: ExecRequest): Promise<Exec> {
    this.view(ref);
    if (this.execFailure !== null) throw this.execFailure;
    const service = serviceWith({ name: ref.service });
    const fake = new FakeExec({ ...request, ref, service, storedEnv: {}, place: 2, beside: null });
    this.execs.push(fake);
    const clock = systemClock;
    const ignore = () => undefined;
    const hasTerminal = request.terminal !== null;
    return new RunningExec({ launched: fake, hasTerminal, clock, report: ignore, onGone: ignore });
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
