// Composition root: the engine behind the public listener, their start and stop, and the handover between servers.
import type { ServerRestart } from "../control/control-world.ts";
import { checkDatabaseVersion } from "../database/database.ts";
import type { Statistics } from "../metrics/statistics.ts";
import { systemClock } from "../platform/clock.ts";
import type { Notify } from "../platform/systemd.ts";
import { type Listen, openProxy, type Proxy as PublicProxy } from "../proxy/listener.ts";
import { closeInTime } from "./bounded-close.ts";
import { type Engine, type EngineOptions, openEngine } from "./engine.ts";
import { cannotRestart, ServerHandover } from "./handover/handover.ts";
import type { PreviousServer } from "./handover/previous-server.ts";

import { watchUnhandledErrors } from "./unhandled-errors.ts";

export interface ServerOptions extends EngineOptions {
  /** Where relative paths of the arguments begin; it may be gone by the time of a handover. */
  readonly cwd: string;
  readonly listen: Listen;
  /** The server that this one replaces; null: there is none. */
  readonly previous: PreviousServer | null;
  readonly notify: Notify;
}

export interface Server {
  readonly port: number;
  /** Of the control API, whose caller is the administrator. */
  readonly socketPath: string;
  /**
   * Resolves when another server has replaced this one, and its last connection has ended; rejects when no server
   * serves any more.
   */
  readonly replaced: Promise<void>;
  /**
   * Stops every instance, then everything else; `drain: false` does not wait for open requests, and rejects when
   * instances do not stop in time.
   */
  close(options: { drain: boolean }): Promise<void>;
}

/** In the data directory: where a server accepts the requests that reached a previous one. */
const RELAY_SOCKET = ".relay.sock";

/** Starts the server; resolves once it listens and has taken over the instances of a previous server. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, previous, version, notify } = options;
  checkDatabaseVersion(config.settings.dataDir);
  const handoverState = previous === null ? null : await previous.requestHandover();
  const server = await RunningServer.open(options, handoverState);
  if (previous === null) notify({ READY: "1", STATUS: "Serving" });
  else previous.reportServing(version);
  return server;
}

class RunningServer implements Server {
  readonly #options: ServerOptions;
  readonly #relayPath: string;
  readonly #handover: ServerHandover;
  // Both are set once `open` has resolved.
  #engine!: Engine;
  #proxy!: PublicProxy;
  #port = 0;
  #closing: Promise<void> | null = null;

  private constructor(options: ServerOptions) {
    const { config, notify, report, version } = options;
    const { dataDir } = config.settings;
    this.#options = options;
    this.#relayPath = `${dataDir}/${RELAY_SOCKET}`;
    this.#handover = new ServerHandover({
      dataDir,
      cwd: options.cwd,
      version,
      notify,
      report,
      relay: { kind: "unix", path: this.#relayPath },
      resume: (handoverState) => this.#resume(handoverState),
    });
  }

  static async open(options: ServerOptions, handoverState: unknown): Promise<RunningServer> {
    const server = new RunningServer(options);
    server.#engine = await server.#openEngine(options, handoverState);
    const { report } = options;
    watchUnhandledErrors({ report, count: () => server.#statistics.unhandledErrors++ });
    try {
      server.#proxy = await server.#openProxy();
      server.#port = server.#proxy.port;
      server.#attach();
      return server;
    } catch (error) {
      // The previous server goes on with the tenants; where there is none, they are stopped.
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

  get replaced(): Promise<void> {
    return this.#handover.replaced;
  }

  close({ drain }: { drain: boolean }): Promise<void> {
    if (!drain) this.#proxy.abort();
    this.#closing ??= this.#close();
    if (drain) return this.#closing;
    return closeInTime(this.#closing, { clock: systemClock, supervisor: this.#engine.supervisor });
  }

  get #statistics(): Statistics {
    return this.#engine.supervisor.world.statistics;
  }

  async #close(): Promise<void> {
    await this.#handover.settled();
    const drained = this.#proxy.close();
    if (this.#handover.isReplaced) return this.replaced;
    this.#options.notify({ STOPPING: "1" });
    await this.#engine.supervisor.close();
    // No instance was waiting for the connections that are still open.
    this.#proxy.abort();
    await drained;
    await this.#engine[Symbol.asyncDispose]();
  }

  async #restart(record: Parameters<ServerRestart>[0]): ReturnType<ServerRestart> {
    if (this.#closing !== null) throw cannotRestart("is stopping");
    return this.#handover.perform({ engine: this.#engine, proxy: this.#proxy }, record);
  }

  /** Takes the instances back after a handover that failed, with the configuration that was in effect. */
  async #resume(handoverState: unknown): Promise<Engine> {
    const { config } = this.#engine.supervisor;
    this.#engine = await this.#openEngine({ ...this.#options, config }, handoverState);
    this.#attach();
    this.#proxy.serve(this.#engine.supervisor);
    return this.#engine;
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
    const { control, isTenant, supervisor } = this.#engine;
    return openProxy({
      gateway: supervisor,
      control: { kind: "unix", path: control.innerSocket },
      clock: systemClock,
      settings: config.settings,
      isTenant,
      observe: (exchange) => this.#statistics.recordRequest(exchange.ref, exchange),
      observeConnection: (fate) => this.#statistics.recordConnection(fate),
      listen,
    });
  }

  #attach(): void {
    this.#proxy.openRelay(this.#relayPath);
    this.#engine.reloader.onSettings((settings) => this.#proxy.configure(settings));
  }
}
