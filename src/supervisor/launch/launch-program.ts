// The inputs of a launch that are on this host: the program, the working directory and the env_file.
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnvFile } from "../../core/env-file.ts";
import { messageOf } from "../../core/errors.ts";
import { FailureError, startFailure } from "../../core/failure.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import type { Service } from "../../core/service.ts";
import type { Isolation } from "../../isolation/isolation.ts";
import { withoutShims } from "../../isolation/programs/program-chain.ts";
import { codeOf } from "../../platform/files.ts";

/** Throws a FailureError. */
export function readEnvFile({ name, envFile }: Service): Readonly<Record<string, string>> {
  if (envFile === null) return {};
  const parsed = parseEnvFile(readEnvText(name, envFile));
  if (parsed.kind === "env") return parsed.env;
  const reason = `env_file ${envFile}: ${parsed.problems.join("; ")}`;
  throw new FailureError(startFailure(reason, "Correct the lines named"));
}

function readEnvText(service: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = `env_file ${path} can't be read (${codeOf(error) ?? messageOf(error)})`;
    const hint = `Make it readable for the server, or correct env_file in [service.${service}]`;
    throw new FailureError(startFailure(reason, hint), error);
  }
}

/** The plan with its program by its full path. Throws a FailureError. */
export function resolvePlan(
  service: Service,
  plan: LaunchPlan,
  isolation: Pick<Isolation, "programs">,
): LaunchPlan {
  checkDirectory(service.name, plan.cwd);
  const argv = resolveProgram(service.name, plan);
  return replaceShims(service, { ...plan, argv }, isolation);
}

/** Without walls a shim runs with its whole manager. */
export function replaceShims(
  { isolation: level }: Service,
  plan: LaunchPlan,
  isolation: Pick<Isolation, "programs">,
): LaunchPlan {
  return level === "process" ? plan : withoutShims(plan, isolation.programs());
}

/** Throws a FailureError. */
export function checkDirectory(service: string, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const hint = `Make that directory, or correct workdir in [service.${service}]`;
  throw new FailureError(startFailure(`workdir ${path} is not a directory`, hint));
}

/** Looked up as a shell would: on the instance's own PATH, from its own directory. */
function resolveProgram(service: string, { argv, cwd, env }: LaunchPlan): readonly string[] {
  const [program = "", ...args] = argv;
  const path = program.includes("/") ? resolve(cwd, program) : program;
  const found = Bun.which(path, { PATH: env["PATH"] ?? "", cwd });
  if (found !== null) return [found, ...args];
  const where = program.includes("/") ? `no executable file at ${path}` : "not found on PATH";
  const hint = `Install it, or correct command in [service.${service}]`;
  throw new FailureError(startFailure(`"${program}" is ${where}`, hint));
}
