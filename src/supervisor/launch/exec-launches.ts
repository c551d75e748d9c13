// Starts commands of operators inside the walls of instances: with a port of their own, attached to their streams.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { TenError } from "../../core/errors.ts";
import { markOf } from "../../core/instance-paths.ts";
import { type LaunchPlan, planLaunch } from "../../core/launch-plan.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";
import type { Isolation } from "../../isolation/isolation.ts";
import type { Enclosure } from "../../isolation/level.ts";
import type { AttachedProcess, AttachedSpawner } from "../../platform/process/attached-spawner.ts";
import type { TerminalSize } from "../administration.ts";
import { LaunchPorts, type LaunchPortsParts } from "./launch-ports.ts";
import { checkDirectory, readEnvFile, replaceShims } from "./launch-program.ts";
import type { Launched } from "./launched.ts";

export interface ExecLaunchesParts extends LaunchPortsParts {
  readonly dataDir: string;
  readonly spawn: AttachedSpawner;
  readonly isolation: Pick<Isolation, "level" | "programs">;
  readonly serverEnv: Readonly<Record<string, string | undefined>>;
}

export interface ExecOrder {
  readonly ref: InstanceRef;
  readonly service: Service;
  readonly storedEnv: Readonly<Record<string, string>>;
  /** See `PlaceRef`. */
  readonly place: number;
  /** The running application; null: none runs. */
  readonly beside: Pick<Launched, "slot" | "port" | "extraPorts"> | null;
  /** The program and its arguments; empty: a shell. */
  readonly command: readonly string[];
  /** Null: no terminal. */
  readonly terminal: { readonly size: TerminalSize; readonly name: string } | null;
}

export interface LaunchedExec extends AttachedProcess {
  /** Frees the port and the walls once all processes have ended. */
  retire(): void;
}

/** Directories of software, which every instance sees. */
const SHELL_PATH = "/bin:/usr/bin:/usr/local/bin";

export class ExecLaunches {
  readonly #parts: ExecLaunchesParts;
  readonly #ports: LaunchPorts;

  constructor(parts: ExecLaunchesParts) {
    this.#parts = parts;
    this.#ports = new LaunchPorts(parts);
  }

  /** Throws the cause: a FailureError, or NOT_FOUND for a program that is not there. */
  launch(order: ExecOrder): LaunchedExec {
    const { isolation, report, spawn } = this.#parts;
    const { beside, ref, service, terminal } = order;
    const level = isolation.level(service);
    const taken = this.#ports.take(service);
    const [port = 0, ...extraPorts] = taken;
    let enclosure: Enclosure | null = null;
    const retire = () => {
      this.#ports.free(taken);
      try {
        enclosure?.clear();
      } catch (error) {
        report(error);
      }
    };
    try {
      const plan = this.#plan(order, { port, extraPorts });
      const placement = { ref, service, slot: order.place, port, extraPorts };
      const attach = terminal === null ? ["--attached"] : ["--terminal", renderSize(terminal.size)];
      enclosure = level.accompany(placement, plan, { beside: beside?.slot ?? null, attach });
      this.#ports.claim(placement, enclosure);
      const { argv, cwd, env } = plan;
      const { cgroup } = enclosure;
      const started = spawn({ argv: enclosure.wrap(argv), cwd, env, cgroup });
      return { ...started, child: enclosure.follow(started.child), retire };
    } catch (error) {
      retire();
      throw error;
    }
  }

  /** The environment is that of the running application; without one, its port is the command's own. */
  #plan(order: ExecOrder, own: Pick<Launched, "port" | "extraPorts">): LaunchPlan {
    const { beside, command, place, ref, service, storedEnv, terminal } = order;
    const { dataDir, serverEnv } = this.#parts;
    const fileEnv = readEnvFile(service);
    const { port, extraPorts } = beside ?? own;
    const host = { slot: beside?.slot ?? place, port, extraPorts };
    const plan = planLaunch({ ...host, ref, service, dataDir, serverEnv, storedEnv, fileEnv });
    const mark = markOf({ ref, dataDir, slot: place });
    const env = {
      ...plan.env,
      TENEMENT_MARK: mark,
      ...(terminal !== null && { TERM: terminal.name }),
    };
    mkdirSync(plan.instanceDir, { recursive: true, mode: 0o700 });
    checkDirectory(service.name, plan.cwd);
    const marked = { ...plan, env, mark };
    const argv = command.length === 0 ? [findShell()] : resolveCommand(ref, marked, command);
    return replaceShims(service, { ...marked, argv }, this.#parts.isolation);
  }
}

function renderSize({ columns, rows }: TerminalSize): string {
  return `${rows}x${columns}`;
}

function find(program: string, { cwd, env }: LaunchPlan): string | null {
  const path = program.includes("/") ? resolve(cwd, program) : program;
  return Bun.which(path, { PATH: env["PATH"] ?? "", cwd });
}

function findShell(): string {
  return Bun.which("bash", { PATH: SHELL_PATH }) ?? "/bin/sh";
}

function resolveCommand(
  ref: InstanceRef,
  plan: LaunchPlan,
  [program = "", ...args]: readonly string[],
): readonly string[] {
  const found = find(program, plan);
  if (found !== null) return [found, ...args];
  const where = program.includes("/")
    ? `there is no executable file at ${resolve(plan.cwd, program)}`
    : "it is not found on PATH";
  throw new TenError("NOT_FOUND", `Cannot run "${program}" in "${formatRef(ref)}": ${where}`, {
    hint: "Name the program by its full path",
  });
}
