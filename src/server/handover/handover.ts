// The handover of this server to the next: starts it, gives it the data directory, retires; resumes when that fails.
import type { ServerIdentity, ServerRestart } from "../../control/control-world.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import { TenError } from "../../core/errors.ts";
import { type AuditTable, outcomeOf } from "../../database/audit.ts";
import { systemClock } from "../../platform/clock.ts";
import { monotonicMicroseconds, type Notify } from "../../platform/systemd.ts";
import type { Proxy as PublicProxy } from "../../proxy/listener.ts";
import type { Engine, EngineHandover } from "../engine.ts";
import { type NextServer, startNextServer } from "./next-server.ts";

export interface HandoverOptions {
  readonly dataDir: string;
  /** Where relative paths of the arguments begin. */
  readonly cwd: string;
  /** Of this server. */
  readonly version: string;
  readonly notify: Notify;
  /** Reports an error that no caller waits for. */
  readonly report: (error: unknown) => void;
  /** The next server accepts the requests that reached this one. */
  readonly relay: Endpoint;
  /** After a handover that failed: opens the engine with the state that was to be handed over, and serves with it. */
  readonly resume: (handoverState: unknown) => Promise<Engine>;
}

/** The parts of the running server that a handover is about. */
export interface ServingParts {
  readonly engine: Engine;
  readonly proxy: PublicProxy;
}

type HandoverPhase =
  | { readonly kind: "serving" }
  | { readonly kind: "handingOver"; readonly outcome: Promise<unknown> }
  | { readonly kind: "replaced" };

type RecordOutcome = Parameters<ServerRestart>[0];

export class ServerHandover {
  readonly #options: HandoverOptions;
  readonly #replaced = Promise.withResolvers<void>();
  #phase: HandoverPhase = { kind: "serving" };

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the next server serves and the last connection here has ended; rejects when neither server serves any
   * more.
   */
  get replaced(): Promise<void> {
    return this.#replaced.promise;
  }

  get isReplaced(): boolean {
    return this.#phase.kind === "replaced";
  }

  /** Resolves when no handover is under way. */
  async settled(): Promise<void> {
    if (this.#phase.kind === "handingOver") await this.#phase.outcome.catch(() => undefined);
  }

  /** Replaces this server by a new process. Rejects when that fails; then this server goes on. */
  async perform(parts: ServingParts, record: RecordOutcome): ReturnType<ServerRestart> {
    if (this.#phase.kind !== "serving") throw cannotRestart("is being replaced already");
    const { notify, version } = this.#options;
    notify({ RELOADING: "1", MONOTONIC_USEC: monotonicMicroseconds() });
    const outcome = this.#handOver(parts, record);
    this.#phase = { kind: "handingOver", outcome };
    try {
      const next = await outcome;
      this.#phase = { kind: "replaced" };
      notify({ MAINPID: String(next.pid), READY: "1" });
      return { old: { version, pid: process.pid }, new: next };
    } catch (error) {
      this.#phase = { kind: "serving" };
      notify({ READY: "1" });
      throw error;
    }
  }

  async #handOver(parts: ServingParts, record: RecordOutcome): Promise<ServerIdentity> {
    const { engine, proxy } = parts;
    const next = await this.#startNextServer(proxy, record);
    const serves = Promise.withResolvers<Endpoint>();
    await engine.control.forwardTo(serves.promise);
    proxy.forwardTo(serves.promise);
    let handover: EngineHandover | null = null;
    try {
      handover = await engine.handOver();
      const identity = await next.takeOver(handover.handoverState);
      this.#retire(parts, handover).catch((error) => this.#replaced.reject(error));
      return identity;
    } catch (error) {
      await next.end();
      const resumed = await this.#resume(handover?.handoverState ?? {});
      recordFailure(resumed.audit, error);
      engine[Symbol.asyncDispose]().then(undefined, this.#options.report);
      throw error;
    } finally {
      handover?.leases.begin();
      serves.resolve(this.#options.relay);
    }
  }

  /** Nothing has changed when this rejects: the next server can't take over, or the audit trail can't be written. */
  async #startNextServer({ descriptors }: PublicProxy, record: RecordOutcome): Promise<NextServer> {
    const { cwd, dataDir } = this.#options;
    const next = await startNextServer({ cwd, descriptors, dataDir }).catch((error) => {
      record(outcomeOf(error));
      throw error;
    });
    try {
      record("done");
      return next;
    } catch (error) {
      await next.end();
      throw error;
    }
  }

  /** When this fails, no server is left, and the tenants run on until the next one starts. */
  async #resume(handoverState: unknown): Promise<Engine> {
    try {
      return await this.#options.resume(handoverState);
    } catch (error) {
      this.#replaced.reject(error);
      throw error;
    }
  }

  /** Serves the open connections until the last has ended. */
  async #retire({ engine, proxy }: ServingParts, { leases }: EngineHandover): Promise<void> {
    await proxy.retire();
    leases[Symbol.dispose]();
    await engine[Symbol.asyncDispose]();
    this.#replaced.resolve();
  }
}

export function cannotRestart(present: string): TenError {
  return new TenError("CONFLICT", `Cannot restart the server: it ${present}`);
}

function recordFailure(audit: AuditTable, error: unknown): void {
  const entry = { actor: "server", action: "restart-server", subject: "server" };
  audit.record({ ...entry, at: systemClock.wall(), outcome: outcomeOf(error) });
}
