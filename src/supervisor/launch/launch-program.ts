// The inputs of a launch that are on this host: the program, the working directory and the env_file.
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnvFile } from "../../core/env-file.ts";
import { type ErrorDetails, messageOf, TenError } from "../../core/errors.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";

/** Throws START_FAILED. */
export function readEnvFile(
  ref: InstanceRef,
  { envFile }: Service,
): Readonly<Record<string, string>> {
  if (envFile === null) return {};
  const parsed = parseEnvFile(readText(ref, envFile));
  if (parsed.kind === "env") return parsed.env;
  throw startError(ref, `env_file ${envFile}: ${parsed.problems.join("; ")}`);
}

function readText(ref: InstanceRef, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw startError(ref, `env_file ${path} can't be read (${codeOf(cause)})`, { cause });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? messageOf(error);
}

/** The plan with its program by its full path. Throws START_FAILED. */
export function resolvePlan(ref: InstanceRef, plan: LaunchPlan): LaunchPlan {
  checkDirectory(ref, plan.cwd);
  return { ...plan, argv: resolveProgram(ref, plan) };
}

function checkDirectory(ref: InstanceRef, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw startError(ref, `workdir ${path} is not a directory`);
}

/** Looked up as a shell would: on the instance's own PATH, from its own directory. */
function resolveProgram(ref: InstanceRef, { argv, cwd, env }: LaunchPlan): readonly string[] {
  const [program = "", ...args] = argv;
  const path = program.includes("/") ? resolve(cwd, program) : program;
  const found = Bun.which(path, { PATH: env["PATH"] ?? "", cwd });
  if (found !== null) return [found, ...args];
  const where = program.includes("/") ? `no executable file at ${path}` : "not found on PATH";
  throw startError(ref, `"${program}" is ${where}`, {
    hint: "Install it, or correct command in tenement.toml",
  });
}

export function startError(ref: InstanceRef, reason: string, details?: ErrorDetails): TenError {
  return new TenError("START_FAILED", `Cannot start "${formatRef(ref)}": ${reason}`, details);
}
