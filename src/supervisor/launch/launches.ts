// From a service and an id to a running process: directories, port, environment, output, spawn.
import { fchownSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { parseEnvFile } from "../../core/env-file.ts";
import { messageOf, TenError } from "../../core/errors.ts";
import { instanceDirOf, type LaunchPlan, markOf, planLaunch } from "../../core/launch-plan.ts";
import {
  formatRef,
  type InstanceRef,
  isLabel,
  type RefKey,
  type Slot,
  type SlotRef,
} from "../../core/ref.ts";
import { hasOwnRoot, type Service } from "../../core/service.ts";
import { findWallGaps } from "../../core/walls.ts";
import type { ChildRecord } from "../../database/instances.ts";
import type { Firewall } from "../../isolation/firewall/firewall.ts";
import type { Claim } from "../../isolation/firewall/rules.ts";
import type { Isolation } from "../../isolation/isolation.ts";
import type { Enclosure, Placement } from "../../isolation/level.ts";
import type { LogHub } from "../../logs/hub.ts";
import { landlockVersion } from "../../platform/kernel/landlock.ts";
import { openOutput, outputPaths, removeOutput } from "../../platform/process/output-pipes.ts";
import type { Ports } from "../../platform/process/ports.ts";
import type { Child, Spawner } from "../../platform/process/spawner.ts";
import { measureDirectory } from "../../storage/measure.ts";
import type { VolumeOrder, Volumes } from "../../storage/volumes.ts";

export interface Launched {
  readonly child: Child;
  readonly slot: Slot;
  readonly port: number;
  /** Where the server reaches its socket. */
  readonly socketPath: string;
  readonly enclosure: Enclosure;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export interface LaunchesParts {
  readonly dataDir: string;
  readonly spawner: Spawner;
  readonly isolation: Isolation;
  /** Gives up the user id of an instance whose data are gone. */
  readonly releaseUserId: (ref: InstanceRef) => void;
  readonly ports: Ports;
  readonly firewall: Firewall;
  readonly volumes: Volumes;
  readonly logs: LogHub;
  readonly serverEnv: Readonly<Record<string, string | undefined>>;
}

export interface LaunchOrder extends SlotRef {
  readonly service: Service;
  /** What `ten env set` stored. */
  readonly storedEnv: Readonly<Record<string, string>>;
}

export class Launches {
  readonly #parts: LaunchesParts;
  /** The sockets of living instances, by path: a name like a-b-c can come of a:b-c and of a-b:c. */
  readonly #sockets = new Map<string, RefKey>();
  readonly #landlock = landlockVersion();

  constructor(parts: LaunchesParts) {
    this.#parts = parts;
  }

  /**
   * Brings the storage of an instance into place for a launch; null: there is nothing to wait for. Rejects with a
   * TenError.
   */
  prepare(order: VolumeOrder): Promise<void> | null {
    return this.#parts.volumes.open(order);
  }

  /** Nothing of the instance runs, and nothing is about to. */
  rest(ref: InstanceRef): void {
    void this.#parts.volumes.close(ref);
  }

  /**
   * Starts a process of the instance; synchronous, because a waiting request pays for every turn.
   * Throws a TenError that says what stood in the way.
   */
  launch({ ref, service, slot, storedEnv }: LaunchOrder): Launched {
    const { dataDir, firewall, isolation, ports, serverEnv } = this.#parts;
    const level = isolation.level(service);
    const fileEnv = readEnvFile(ref, service);
    const port = ports.take();
    try {
      const places = { service, ref, slot, dataDir, port };
      const plan = planLaunch({ ...places, serverEnv, storedEnv, fileEnv });
      mkdirSync(plan.instanceDir, { recursive: true, mode: 0o700 });
      const resolved = hasOwnRoot(service) ? plan : resolvePlan(ref, plan);
      this.#refuseTaken(ref, plan.socketPath);
      const enclosure = level.enclose(places, resolved);
      firewall.claim(claimOf(places, enclosure));
      const child = this.#spawn({ ref, slot }, resolved, enclosure);
      const { socketPath } = enclosure;
      this.#sockets.set(socketPath, formatRef(ref));
      return { child, slot, port, socketPath, enclosure, startedAt: Date.now() };
    } catch (error) {
      firewall.release(port);
      ports.give(port);
      throw startError(ref, error);
    }
  }

  /**
   * Takes over a process that an earlier server started; null when it no longer lives, or has other walls than the
   * service wants.
   */
  adopt(ref: InstanceRef, service: Service, record: ChildRecord): Launched | null {
    const { dataDir, firewall, isolation, spawner, ports, logs } = this.#parts;
    const { port, slot, socketPath, startedAt } = record;
    const placement = { ref, service, slot, port };
    const enclosure = isolation.level(service).recover(placement, record.child);
    if (enclosure === null) return null;
    const child = spawner.adopt(record.child, markOf({ ...placement, dataDir }));
    if (child === null) return null;
    ports.reserve(port);
    firewall.claim(claimOf(placement, enclosure));
    this.#sockets.set(socketPath, formatRef(ref));
    logs.attach(placement, outputPaths(this.#outputDirectory(), placement));
    return { child: enclosure.follow(child), slot, port, socketPath, enclosure, startedAt };
  }

  /** The launch is over and nothing of it is left. */
  retire({ port, enclosure }: Launched): void {
    this.#parts.firewall.release(port);
    this.#parts.ports.give(port);
    this.#sockets.delete(enclosure.socketPath);
    enclosure.clear();
  }

  /** What this host leaves open that the service's level would close. */
  gaps(service: Service): readonly string[] {
    const firewall = this.#parts.firewall.gap?.reason ?? null;
    const { limitsProcesses: processLimit } = this.#parts.isolation;
    return findWallGaps(service, { landlock: this.#landlock, firewall, processLimit });
  }

  instanceDirectory(ref: InstanceRef): string {
    return instanceDirOf({ ref, dataDir: this.#parts.dataDir });
  }

  /** By which the processes of a launch are found. */
  mark(ref: InstanceRef, slot: Slot): string {
    return markOf({ ref, slot, dataDir: this.#parts.dataDir });
  }

  /** Whether a mark is one of this server's. */
  isMark(mark: string): boolean {
    const prefix = `${this.#parts.dataDir}/`;
    if (!mark.startsWith(prefix)) return false;
    const [, service, id] = /^([^/]+)\/([^#]+)#[01]$/.exec(mark.slice(prefix.length)) ?? [];
    return isLabel(service ?? "") && isLabel(id ?? "");
  }

  /** Ends what is in the control groups of launches other than `kept`. */
  async sweepGroups(kept: readonly SlotRef[]): Promise<void> {
    await this.#parts.isolation.sweep(kept);
  }

  /** Unmounts the volumes of other instances than `kept`. */
  async sweepVolumes(kept: readonly InstanceRef[]): Promise<void> {
    await this.#parts.volumes.sweep(kept);
  }

  /** How much an instance stores, in bytes. */
  async measureStorage(ref: InstanceRef): Promise<number> {
    return await (this.#parts.volumes.measure(ref) ??
      measureDirectory(this.instanceDirectory(ref)));
  }

  /** Deletes the instance's own files. */
  async wipe(ref: InstanceRef): Promise<void> {
    await this.#parts.volumes.remove(ref);
    await rm(this.instanceDirectory(ref), { recursive: true, force: true });
  }

  /** Deletes all that was its own, its user id included, once it is no longer registered. */
  async purge(ref: InstanceRef): Promise<void> {
    await this.wipe(ref);
    this.#parts.releaseUserId(ref);
  }

  /** Removes what the server itself keeps for an instance that is no longer registered. */
  forget(ref: InstanceRef): void {
    removeOutput(this.#outputDirectory(), ref);
    this.#parts.isolation.forget(ref);
  }

  /** Two instances with one socket would take each other's requests. */
  #refuseTaken(ref: InstanceRef, socketPath: string): void {
    const owner = this.#sockets.get(socketPath);
    if (owner === undefined) return;
    throw new TenError(
      "START_FAILED",
      `Cannot start "${formatRef(ref)}": its socket ${socketPath} is that of "${owner}"; ` +
        `set socket in [service.${ref.service}] to a path of its own`,
    );
  }

  #spawn(slot: SlotRef, plan: LaunchPlan, { cgroup, owner, follow, wrap }: Enclosure): Child {
    const { logs, spawner } = this.#parts;
    const { argv, cwd, env, mark } = plan;
    const output = openOutput(this.#outputDirectory(), slot);
    try {
      logs.attach(slot, output.pipes);
      // Whoever opens /dev/stdout by name needs to own the pipe behind it.
      if (owner !== null) for (const fd of Object.values(output.fds)) fchownSync(fd, owner, owner);
      const command = { argv: wrap(argv), cwd, env, cgroup, ...output.fds };
      return follow(spawner.spawn(command, mark));
    } finally {
      output.close();
    }
  }

  /** A name that no service can have, so it never meets an instance's directory. */
  #outputDirectory(): string {
    return `${this.#parts.dataDir}/.output`;
  }
}

function claimOf({ port, service }: Placement, { owner }: Enclosure): Claim {
  return { port, owner, allowMetadata: service.allowMetadata };
}

function readEnvFile(ref: InstanceRef, { envFile }: Service): Readonly<Record<string, string>> {
  if (envFile === null) return {};
  const parsed = parseEnvFile(readText(ref, envFile));
  if (parsed.kind === "env") return parsed.env;
  throw startError(ref, new Error(`env_file ${envFile}: ${parsed.problems.join("; ")}`));
}

function readText(ref: InstanceRef, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw startError(ref, new Error(`env_file ${path} can't be read (${codeOf(error)})`));
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? messageOf(error);
}

/** Looks for the program and the working directory where the application will: on this host. */
function resolvePlan(ref: InstanceRef, plan: LaunchPlan): LaunchPlan {
  checkDirectory(ref, plan.cwd);
  return { ...plan, argv: resolveProgram(ref, plan) };
}

function checkDirectory(ref: InstanceRef, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw startError(ref, new Error(`workdir ${path} is not a directory`));
}

/** The program by its full path, looked up as a shell would: on the instance's own PATH, from its own directory. */
function resolveProgram(ref: InstanceRef, { argv, cwd, env }: LaunchPlan): readonly string[] {
  const [program = "", ...args] = argv;
  const path = program.includes("/") ? resolve(cwd, program) : program;
  const found = Bun.which(path, { PATH: env["PATH"] ?? "", cwd });
  if (found !== null) return [found, ...args];
  const where = program.includes("/") ? `no executable file at ${path}` : "not found on PATH";
  throw new TenError("START_FAILED", `Cannot start "${formatRef(ref)}": "${program}" is ${where}`, {
    hint: "Install it, or correct command in tenement.toml",
  });
}

function startError(ref: InstanceRef, error: unknown): TenError {
  if (error instanceof TenError) return error;
  return new TenError("START_FAILED", `Cannot start "${formatRef(ref)}": ${messageOf(error)}`, {
    cause: error,
  });
}
