// Composition root of the server: the engine, and the public listener in front of it; and the change to another server,
// which
// follows this one without a failed request.
import type { ServerIdentity } from "../control/control-world.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { TenError } from "../core/errors.ts";
import { outcomeOf } from "../database/audit.ts";
import { checkStore } from "../database/database.ts";
import { systemClock } from "../platform/clock.ts";
import { monotonicMicroseconds, type Notify } from "../platform/systemd.ts";
import { type Listen, openProxy, type Proxy as PublicProxy } from "../proxy/listener.ts";
import { type Engine, type EngineOptions, type Handover, openEngine } from "./engine.ts";
import { type NextServer, type PreviousServer, startNextServer } from "./handover/handover.ts";

export interface ServerOptions extends EngineOptions {
  readonly listen: Listen;
  /** The server that this one follows; null: it is the first. */
  readonly previous: PreviousServer | null;
  readonly notify: Notify;
}

export interface Server {
  readonly port: number;
  /** Of the control API, whose caller is the administrator. */
  readonly socketPath: string;
  /**
   * Resolves when another server has followed this one, and nothing is left to do here; rejects when none serves any
   * more.
   */
  readonly followed: Promise<void>;
  /** Stops every instance, then everything else; `drain: false` does not wait for open requests. */
  close(options: { drain: boolean }): Promise<void>;
}

/** For what earlier servers pass on, in the data directory. */
const RELAY_SOCKET = ".relay.sock";

/** Starts the server; resolves once it listens and has taken over what an earlier one left, or handed over. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, previous, version, notify } = options;
  checkStore(config.settings.dataDir);
  const handoverState = previous === null ? null : await previous.takeTurn();
  const server = await RunningServer.open(options, handoverState);
  if (previous === null) notify({ READY: "1", STATUS: "Serving" });
  else previous.serves(version);
  return server;
}

class RunningServer implements Server {
  readonly #options: ServerOptions;
  readonly #followed = Promise.withResolvers<void>();
  // Both are there once `open` has resolved.
  #engine!: Engine;
  #proxy!: PublicProxy;
  #port = 0;
  #state: "serving" | "handingOver" | "followed" = "serving";
  /** Settles when a change to another server has succeeded or failed. */
  #change: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  private constructor(options: ServerOptions) {
    this.#options = options;
  }

  static async open(options: ServerOptions, handoverState: unknown): Promise<RunningServer> {
    const server = new RunningServer(options);
    server.#engine = await server.#openEngine(options, handoverState);
    try {
      server.#proxy = await server.#openProxy();
      server.#port = server.#proxy.port;
      server.#attach();
      return server;
    } catch (error) {
      // The server before this one goes on with the tenants; where there is none, they are stopped.
      if (handoverState !== null) await server.#engine.handOver();
      await server.#engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  get socketPath(): string {
    return this.#engine.control.adminSocket;
  }

  get #relayPath(): string {
    return `${this.#options.config.settings.dataDir}/${RELAY_SOCKET}`;
  }

  get followed(): Promise<void> {
    return this.#followed.promise;
  }

  close({ drain }: { drain: boolean }): Promise<void> {
    if (!drain) this.#proxy.abort();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#change.catch(() => undefined);
    const drained = this.#proxy.close();
    if (this.#state === "followed") return this.followed;
    this.#options.notify({ STOPPING: "1" });
    await this.#engine.supervisor.close();
    // What is left are connections that no instance was waiting for.
    this.#proxy.abort();
    await drained;
    await this.#engine[Symbol.asyncDispose]();
  }

  /**
   * A new process, in whatever version is there now, follows this one. Rejects when it can't: then this one goes on.
   */
  async #restart(
    record: (outcome: string) => void,
  ): Promise<{ readonly old: ServerIdentity; readonly new: ServerIdentity }> {
    if (this.#state !== "serving" || this.#closing !== null) {
      const doing = this.#closing === null ? "is being replaced already" : "is stopping";
      throw new TenError("CONFLICT", `Cannot restart the server: it ${doing}`);
    }
    const { notify, version } = this.#options;
    this.#state = "handingOver";
    notify({ RELOADING: "1", MONOTONIC_USEC: monotonicMicroseconds() });
    try {
      const change = this.#handOver(record);
      this.#change = change;
      const next = await change;
      this.#state = "followed";
      notify({ MAINPID: String(next.pid), READY: "1" });
      return { old: { version, pid: process.pid }, new: next };
    } catch (error) {
      this.#state = "serving";
      notify({ READY: "1" });
      throw error;
    }
  }

  async #handOver(record: (outcome: string) => void): Promise<ServerIdentity> {
    const former = this.#engine;
    const next = await this.#startNextServer(record);
    const serves = Promise.withResolvers<Endpoint>();
    await former.control.forwardTo(serves.promise);
    this.#proxy.forwardTo(serves.promise);
    let handover: Handover | null = null;
    try {
      handover = await former.handOver();
      const identity = await next.takeOver(handover.handoverState);
      void this.#retire(handover.leases);
      return identity;
    } catch (error) {
      await next.end();
      await this.#resume(handover?.handoverState ?? {});
      this.#recordFailure(error);
      void former[Symbol.asyncDispose]();
      throw error;
    } finally {
      handover?.leases.begin();
      serves.resolve({ kind: "unix", path: this.#relayPath });
    }
  }

  /** Until it is found, and that is on record, nothing has happened. */
  async #startNextServer(record: (outcome: string) => void): Promise<NextServer> {
    const { descriptors } = this.#proxy;
    const { dataDir } = this.#options.config.settings;
    const next = await startNextServer({ descriptors, dataDir }).catch((error) => {
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

  /** Takes everything back from itself. When that fails there is no server any more: its tenants wait for the next. */
  async #resume(handoverState: unknown): Promise<void> {
    const { config } = this.#engine.supervisor;
    try {
      this.#engine = await this.#openEngine({ ...this.#options, config }, handoverState);
      this.#attach();
      this.#proxy.serve(this.#engine.supervisor);
    } catch (error) {
      this.#followed.reject(error);
      throw error;
    }
  }

  #recordFailure(error: unknown): void {
    const { audit } = this.#engine;
    const entry = { actor: "server", action: "restart-server", subject: "server" };
    audit.record({ ...entry, at: systemClock.wall(), outcome: outcomeOf(error) });
  }

  #openEngine(options: ServerOptions, handoverState: unknown): Promise<Engine> {
    return openEngine(options, {
      handoverState,
      port: () => this.port,
      restart: (record) => this.#restart(record),
    });
  }

  #openProxy(): Promise<PublicProxy> {
    const { config, listen } = this.#options;
    const { control, supervisor } = this.#engine;
    return openProxy({
      gateway: supervisor,
      control: { kind: "unix", path: control.innerSocket },
      clock: systemClock,
      trustedProxies: config.settings.trustedProxies,
      observe: (exchange) =>
        this.#engine.supervisor.world.statistics.request(exchange.ref, exchange),
      listen,
    });
  }

  #attach(): void {
    this.#proxy.openRelay(this.#relayPath);
    this.#engine.reloader.onSettings(({ trustedProxies }) => this.#proxy.trust(trustedProxies));
  }

  /** Serves the connections that it has until the last is closed. */
  async #retire(leases: Handover["leases"]): Promise<void> {
    await this.#proxy.retire();
    leases[Symbol.dispose]();
    await this.#engine[Symbol.asyncDispose]();
    this.#followed.resolve();
  }
}
