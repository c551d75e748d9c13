// Files that a command names and the host has, but that the tenant does not see: the likely cause of a failed start.
import { closeSync, existsSync, openSync, readSync, realpathSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import type { Service } from "../../core/service.ts";
import { installationOf, isSecret, isVisible, type View } from "../../core/walls.ts";

/** As far as the kernel reads the first line of a script. */
const FIRST_LINE_BYTES = 256;
/** Of one command line; a longer one is data. */
const WORDS_MAX = 200;

type Command = Pick<LaunchPlan, "argv" | "cwd" | "env">;

/** Null: the command names no such file. */
export function explainMissing({ name }: Service, command: Command, view: View): string | null {
  const [program = "", ...args] = command.argv;
  const interpreter = interpreterOf(program, command);
  const ofInterpreter = hiddenPart(interpreter, view);
  if (ofInterpreter !== null) {
    const remedy = `add read_paths = ["${installationOf(ofInterpreter)}"] to [service.${name}]`;
    return `${ofInterpreter}, which runs ${program}, exists on the host, but the tenant does not see it: ${remedy}`;
  }
  const words = args.flatMap((arg) => wordsOf(arg, command.cwd)).slice(0, WORDS_MAX);
  for (const word of words) {
    const hidden = hiddenPart(word, view);
    if (hidden !== null)
      return `${hidden} exists on the host, but ${remedyFor(hidden, name, view)}`;
  }
  return null;
}

function remedyFor(path: string, service: string, view: View): string {
  return isSecret(path, view)
    ? "no tenant sees it, since it is the server's own or holds secrets: give the instance a copy"
    : `the tenant does not see it: add it to read_paths in [service.${service}]`;
}

/** The path, or its target, where the host has it and the tenant does not see it. */
function hiddenPart(path: string | null, view: View): string | null {
  if (path === null || !existsSync(path)) return null;
  return [path, realpathSync(path)].find((each) => !isVisible(each, view)) ?? null;
}

/** The program behind `#!` in the first line of a script; for /usr/bin/env the one that it would find. */
function interpreterOf(program: string, { cwd, env }: Command): string | null {
  const [, interpreter = null, rest = ""] = /^#! *(\S+)(.*)/.exec(readStart(program)) ?? [];
  if (interpreter === null || basename(interpreter) !== "env") return interpreter;
  const named = rest.split(/\s+/).find((word) => word !== "" && !/^-|=/.test(word));
  return named === undefined ? null : Bun.which(named, { PATH: env["PATH"] ?? "", cwd });
}

function readStart(path: string): string {
  try {
    const file = openSync(path, "r");
    try {
      const start = new Uint8Array(FIRST_LINE_BYTES);
      return new TextDecoder().decode(start.subarray(0, readSync(file, start)));
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}

/** An argument as a path, and the absolute paths in it, as in `--config=/srv/app.toml` or a shell's command. */
function wordsOf(arg: string, cwd: string): readonly string[] {
  const inner = arg.split(/[\s"'=:;,]+/).filter((word) => word.startsWith("/"));
  const whole = arg === "" || arg.startsWith("-") || arg.includes("\0") ? [] : [resolve(cwd, arg)];
  return [...whole, ...inner];
}
