// From a service and an id to a running process: directories, port, environment, output, spawn.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseEnvFile } from "../core/env-file.ts";
import { messageOf, TenError } from "../core/errors.ts";
import { type LaunchPlan, planLaunch } from "../core/launch-plan.ts";
import { formatRef, type InstanceRef, isLabel } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import { chooseIsolation } from "../platform/isolation.ts";
import { openOutput, outputPaths, removeOutput } from "../platform/output.ts";
import type { Ports } from "../platform/ports.ts";
import type { Child, Spawner } from "../platform/spawner.ts";
import type { ChildRecord } from "../store/instances.ts";
import type { LogHub } from "../telemetry/log-hub.ts";

export interface Launched {
  readonly child: Child;
  readonly port: number;
  readonly socketPath: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export interface LauncherParts {
  readonly dataDir: string;
  readonly spawner: Spawner;
  readonly ports: Ports;
  readonly logs: LogHub;
  readonly serverEnv: Readonly<Record<string, string | undefined>>;
}

export class Launcher {
  readonly #parts: LauncherParts;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  /**
   * Starts a process of the instance; synchronous, because a waiting request pays for every turn.
   * Throws a TenError that says what stood in the way.
   */
  launch(
    ref: InstanceRef,
    service: Service,
    storedEnv: Readonly<Record<string, string>>,
  ): Launched {
    const { dataDir, ports, serverEnv } = this.#parts;
    const isolation = chooseIsolation(service);
    const fileEnv = readEnvFile(service);
    const port = ports.take();
    try {
      const plan = planLaunch({ service, ref, dataDir, port, serverEnv, storedEnv, fileEnv });
      prepareDirectories(plan);
      const argv = isolation.wrap(resolveProgram(ref, plan));
      const child = this.#spawn(ref, { ...plan, argv });
      return { child, port, socketPath: plan.socketPath, startedAt: Date.now() };
    } catch (error) {
      ports.give(port);
      throw startError(ref, error);
    }
  }

  /** Takes over a process that an earlier server started; null when it no longer lives. */
  adopt(ref: InstanceRef, record: ChildRecord): Launched | null {
    const { spawner, ports, logs } = this.#parts;
    const child = spawner.adopt(record.child, this.instanceDirectory(ref));
    if (child === null) return null;
    ports.reserve(record.port);
    logs.attach(ref, outputPaths(this.#outputDirectory(), ref));
    return { child, port: record.port, socketPath: record.socketPath, startedAt: record.startedAt };
  }

  /** The launch is over and nothing of it is left. */
  retire({ port, socketPath }: Launched): void {
    this.#parts.ports.give(port);
    rmSync(socketPath, { force: true });
  }

  instanceDirectory({ service, id }: InstanceRef): string {
    return `${this.#parts.dataDir}/${service}/${id}`;
  }

  isInstanceDirectory(path: string): boolean {
    const [service, id, ...rest] = path.slice(this.#parts.dataDir.length + 1).split("/");
    const ours = path.startsWith(`${this.#parts.dataDir}/`) && rest.length === 0;
    return ours && isLabel(service ?? "") && isLabel(id ?? "");
  }

  /** Deletes the instance's own files. */
  async wipe(ref: InstanceRef): Promise<void> {
    await rm(this.instanceDirectory(ref), { recursive: true, force: true });
  }

  /** Removes what the server itself keeps for an instance that is no longer registered. */
  forget(ref: InstanceRef): void {
    removeOutput(this.#outputDirectory(), ref);
  }

  #spawn(ref: InstanceRef, { argv, cwd, env, instanceDir }: LaunchPlan): Child {
    const { logs, spawner } = this.#parts;
    const output = openOutput(this.#outputDirectory(), ref);
    try {
      logs.attach(ref, output.pipes);
      return spawner.spawn({ argv, cwd, env, ...output.fds }, instanceDir);
    } finally {
      output.close();
    }
  }

  /** A name that no service can have, so it never meets an instance's directory. */
  #outputDirectory(): string {
    return `${this.#parts.dataDir}/.output`;
  }
}

function readEnvFile({ envFile }: Service): Readonly<Record<string, string>> {
  if (envFile === null) return {};
  const parsed = parseEnvFile(readFileSync(envFile, "utf8"));
  if (parsed.kind === "env") return parsed.env;
  throw new TenError("CONFIG_INVALID", `Cannot read "${envFile}": ${parsed.problems.join("; ")}`);
}

function prepareDirectories({ instanceDir, socketPath }: LaunchPlan): void {
  mkdirSync(instanceDir, { recursive: true, mode: 0o700 });
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  // Left by an earlier launch, it would keep the application from listening.
  rmSync(socketPath, { force: true });
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
