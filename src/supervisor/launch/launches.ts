// Starts, adopts and retires processes of instances: ports, sockets, firewall claims, output, spawn.
import { fchownSync, mkdirSync } from "node:fs";
import { FailureError, startFailure } from "../../core/failure.ts";
import { markOf } from "../../core/instance-paths.ts";
import { type LaunchPlan, planLaunch } from "../../core/launch-plan.ts";
import { formatRef, type InstanceRef, type RefKey, type SlotRef } from "../../core/ref.ts";
import { hasOwnRoot, networkOf, type Service } from "../../core/service.ts";
import { findWallGaps } from "../../core/walls.ts";
import type { ChildRecord } from "../../database/instances.ts";
import type { Firewall } from "../../isolation/firewall/firewall.ts";
import type { Isolation } from "../../isolation/isolation.ts";
import { type Enclosure, type Placement, portsOf } from "../../isolation/level.ts";
import type { LogHub } from "../../logs/hub.ts";
import type { Clock } from "../../platform/clock.ts";
import { landlockVersion } from "../../platform/kernel/landlock.ts";
import { listeningSockets } from "../../platform/kernel/sock-diag.ts";
import { openOutput, outputPaths } from "../../platform/process/output-pipes.ts";
import type { Ports } from "../../platform/process/ports.ts";
import type { Child, Spawner } from "../../platform/process/spawner.ts";
import { describeExcess } from "../../platform/unix-socket.ts";
import { outputDirectoryOf } from "./home.ts";
import { LaunchPorts } from "./launch-ports.ts";
import { readEnvFile, resolvePlan } from "./launch-program.ts";
import type { Launched } from "./launched.ts";

export interface LaunchesParts {
  readonly dataDir: string;
  readonly spawner: Spawner;
  readonly isolation: Isolation;
  readonly ports: Ports;
  readonly firewall: Firewall;
  readonly logs: LogHub;
  readonly serverEnv: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Reports an error that no caller waits for. */
  readonly report: (error: unknown) => void;
}

/** Some two minutes in all; after a longer failure, such as a full disk, the slot's next start clears it. */
const CLEAR_RETRIES_MAX = 7;
const CLEAR_RETRY_MS = 1000;

export interface LaunchOrder extends SlotRef {
  readonly service: Service;
  /** The variables of `ten env set`. */
  readonly storedEnv: Readonly<Record<string, string>>;
}

export class Launches {
  readonly #parts: LaunchesParts;
  readonly #ports: LaunchPorts;
  readonly #outputDirectory: string;
  /** The sockets of living instances, by path: a-b-c can be the socket of a:b-c and of a-b:c. */
  readonly #sockets = new Map<string, RefKey>();
  /** Cancels the next attempt to clear a launch that has ended, by its socket. */
  readonly #clearing = new Map<string, () => void>();
  readonly #landlock = landlockVersion();
  readonly #exposed = new WeakMap<Launched, boolean>();

  constructor(parts: LaunchesParts) {
    this.#parts = parts;
    this.#ports = new LaunchPorts(parts);
    this.#outputDirectory = outputDirectoryOf(parts.dataDir);
  }

  /**
   * Starts a process of the instance; synchronous, because a waiting request pays for every turn.
   * Throws the cause, a FailureError where a remedy is known.
   */
  launch(order: LaunchOrder): Launched {
    const taken = this.#ports.take(order.service);
    try {
      return this.#launchAt(taken, order);
    } catch (error) {
      this.#ports.free(taken);
      throw error;
    }
  }

  #launchAt(taken: readonly number[], order: LaunchOrder): Launched {
    const { ref, service, slot, storedEnv } = order;
    const { dataDir, isolation, serverEnv } = this.#parts;
    const level = isolation.level(service);
    const fileEnv = readEnvFile(service);
    const [port = 0, ...extraPorts] = taken;
    const placement = { service, ref, slot, dataDir, port, extraPorts };
    const plan = planLaunch({ ...placement, serverEnv, storedEnv, fileEnv });
    mkdirSync(plan.instanceDir, { recursive: true, mode: 0o700 });
    // With a root of its own, the program is looked up there.
    const resolved = hasOwnRoot(service) ? plan : resolvePlan(service, plan, isolation);
    this.#refuseTaken(ref, plan.socketPath);
    refuseLong(ref, plan.socketPath);
    const enclosure = level.enclose(placement, resolved);
    // From now on the files there are those of this launch.
    this.#stopClearing(enclosure);
    const child = this.#spawnEnclosed(placement, resolved, enclosure);
    const { socketPath } = enclosure;
    const { mark } = plan;
    const startedAt = Date.now();
    this.#sockets.set(socketPath, formatRef(ref));
    return { child, slot, mark, port, extraPorts, socketPath, enclosure, startedAt };
  }

  #spawnEnclosed(placement: Placement & SlotRef, plan: LaunchPlan, enclosure: Enclosure): Child {
    try {
      this.#ports.claim(placement, enclosure);
      return this.#spawn(placement, plan, enclosure);
    } catch (error) {
      this.#clear(enclosure, 0);
      throw error;
    }
  }

  /**
   * Takes over a process that an earlier server started; null when the process has ended, or has other walls than
   * its service asks for.
   */
  adopt(ref: InstanceRef, service: Service, record: ChildRecord): Launched | null {
    const { dataDir, isolation, spawner, logs } = this.#parts;
    const { port, extraPorts = [], slot, socketPath, startedAt } = record;
    const placement = { ref, service, slot, port, extraPorts };
    const enclosure = isolation.level(service).recover(placement, record);
    if (enclosure === null) return null;
    const mark = markOf({ ...placement, dataDir });
    const child = spawner.adopt(record.child, enclosure.mark);
    if (child === null) return null;
    // Before anything is held, because it may throw.
    logs.attach(placement, outputPaths(this.#outputDirectory, placement));
    this.#ports.reserve(placement);
    this.#ports.claim(placement, enclosure);
    this.#sockets.set(socketPath, formatRef(ref));
    this.#expose(enclosure);
    const followed = enclosure.follow(child);
    return { child: followed, slot, mark, port, extraPorts, socketPath, enclosure, startedAt };
  }

  /**
   * Frees the ports, the socket and the walls of a launch whose processes have all ended. Never throws: failures are
   * reported, and its files are tried again.
   */
  retire(launched: Launched): void {
    const { enclosure } = launched;
    this.#sockets.delete(enclosure.socketPath);
    this.#ports.free(portsOf(launched));
    this.#clear(enclosure, 0);
  }

  /** A link to a socket may lead through a descriptor of the earlier server. */
  #expose(enclosure: Enclosure): void {
    try {
      enclosure.exposeSocket();
    } catch (error) {
      // The first probe meets it as well, and tells the reason.
      this.#parts.report(error);
    }
  }

  #clear(enclosure: Enclosure, retries: number): void {
    const { clock, report } = this.#parts;
    this.#stopClearing(enclosure);
    try {
      enclosure.clear();
    } catch (error) {
      if (retries === 0) report(error);
      if (retries === CLEAR_RETRIES_MAX) return;
      const again = () => this.#clear(enclosure, retries + 1);
      const cancel = clock.after(CLEAR_RETRY_MS * 2 ** retries, again);
      this.#clearing.set(enclosure.socketPath, cancel);
    }
  }

  #stopClearing({ socketPath }: Enclosure): void {
    this.#clearing.get(socketPath)?.();
    this.#clearing.delete(socketPath);
  }

  /** The walls of the service's level that this host can't build. */
  gaps(service: Service): readonly string[] {
    const firewall = this.#parts.firewall.gap?.reason ?? null;
    const { limitsProcesses: processLimit } = this.#parts.isolation;
    return findWallGaps(service, { landlock: this.#landlock, firewall, processLimit });
  }

  /**
   * Whether other machines can connect to a process that is ready: it listens on all addresses, and no firewall keeps
   * them out. Asked once for each launch.
   */
  isExposed(launched: Launched, service: Service): boolean {
    if (this.#parts.firewall.gap === null || networkOf(service) === "private") return false;
    const known = this.#exposed.get(launched);
    if (known !== undefined) return known;
    const sockets = portsOf(launched).flatMap((port) => listeningSockets(port) ?? []);
    const isExposed = sockets.some(({ isWildcard }) => isWildcard);
    this.#exposed.set(launched, isExposed);
    return isExposed;
  }

  /** Two instances with one socket would take each other's requests. */
  #refuseTaken(ref: InstanceRef, socketPath: string): void {
    const owner = this.#sockets.get(socketPath);
    if (owner === undefined) return;
    const reason = `its socket ${socketPath} is that of "${owner}"`;
    const hint = `Set socket in [service.${ref.service}] to a path of its own`;
    throw new FailureError(startFailure(reason, hint));
  }

  #spawn(slot: SlotRef, plan: LaunchPlan, enclosure: Enclosure): Child {
    const { logs, spawner } = this.#parts;
    const { cgroup, mark, owner } = enclosure;
    const { argv, cwd, env } = plan;
    const output = openOutput(this.#outputDirectory, slot);
    try {
      logs.attach(slot, output.pipes);
      // A process that opens /dev/stdout by name needs to own the pipe behind it.
      if (owner !== null) for (const fd of Object.values(output.fds)) fchownSync(fd, owner, owner);
      const command = { argv: enclosure.wrap(argv), cwd, env, cgroup, ...output.fds };
      return enclosure.follow(spawner.spawn(command, mark));
    } finally {
      output.close();
    }
  }
}

/** Also where the path is inside walls: hardly an application can bind it. */
function refuseLong({ service }: InstanceRef, socketPath: string): void {
  const excess = describeExcess(socketPath);
  if (excess === null) return;
  const reason = `its socket ${socketPath} ${excess}`;
  const hint = `Set socket in [service.${service}] to a shorter path, or leave it out`;
  throw new FailureError(startFailure(reason, hint));
}
