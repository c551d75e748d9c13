// The control API with a fake supervisor and fake logs, for tests of the API and of the command line.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ControlApi, openControlApi } from "../../../src/control/api.ts";
import { Client } from "../../../src/control/client/client.ts";
import type { ServerRestart } from "../../../src/control/control-world.ts";
import { planOpenApi } from "../../../src/control/routes/openapi.ts";
import { ROUTES } from "../../../src/control/routes/routes.ts";
import { CLIENT_HEADER } from "../../../src/core/access.ts";
import { TenError } from "../../../src/core/errors.ts";
import { parseRef } from "../../../src/core/ref.ts";
import type { ReloadPlan } from "../../../src/core/reload-plan.ts";
import { openTenementDatabase, type TenementDatabase } from "../../../src/database/database.ts";
import { Statistics } from "../../../src/metrics/statistics.ts";
import { type Clock, systemClock } from "../../../src/platform/clock.ts";
import { Domains } from "../../../src/supervisor/domains.ts";
import type { ReloadOutcome } from "../../../src/supervisor/rollout/reloader.ts";
import { Contract } from "../../support/contract.ts";
import { FakeAdministration } from "./fake-administration.ts";
import { FakeDeploys } from "./fake-deploys.ts";
import { FakeLogs } from "./fake-logs.ts";

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

/** The control API on real sockets with a real database; the rest is fake. */
export class ControlWorld implements AsyncDisposable {
  readonly dataDir = mkdtempSync(join(tmpdir(), "ten-control-"));
  readonly administration = new FakeAdministration(this.dataDir);
  readonly deploys = new FakeDeploys(this.administration);
  readonly logs = new FakeLogs();
  readonly statistics = new Statistics();
  readonly faults: unknown[] = [];
  readonly store: TenementDatabase = openTenementDatabase(this.dataDir);
  /** notes:alice, notes:bob and notes may have custom hostnames. */
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

  /** Uses the administrator's socket. */
  client(): Client {
    return new Client({ kind: "unix", path: this.server.adminSocket });
  }

  token(tenant: string | null): string {
    return this.store.tokens.create({ tenant, description: "" }, Date.now()).token;
  }

  /** Finds no change, unless a test sets the outcome. */
  readonly reloader = {
    outcome: { plan: NO_CHANGE, replaced: [], failed: [] } as ReloadOutcome,
    plan: async () => this.reloader.outcome.plan,
    reload: async () => this.reloader.outcome,
  };

  /** Sends a request to the administrator's socket; a body is JSON unless a header says otherwise. */
  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return this.#ask(path, { ...init, headers: headersOf(init), unix: this.server.adminSocket });
  }

  /** Sends a request to the socket for requests from outside, as the proxy forwards it. */
  askOutside(
    path: string,
    { token, headers, ...init }: RequestInit & { token?: string } = {},
  ): Promise<Response> {
    const all = headersOf({ ...init, headers: headers ?? {} });
    if (token !== undefined) all.set("Authorization", `Bearer ${token}`);
    if (!all.has(CLIENT_HEADER)) all.set(CLIENT_HEADER, "203.0.113.7");
    return this.#ask(path, { ...init, headers: all, unix: this.server.innerSocket });
  }

  /** Checks every answer against the OpenAPI document. */
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

function headersOf({ headers, body }: RequestInit): Headers {
  const all = new Headers(headers);
  if (body !== undefined && !all.has("Content-Type")) all.set("Content-Type", "application/json");
  return all;
}
