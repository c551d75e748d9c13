// Files that a command names and the host has, but that the tenant does not see: the likely cause of a failed start.
import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import type { Service } from "../../core/service.ts";
import { isSecret, isVisible, type View } from "../../core/walls.ts";

/** Of one command line; a longer one is data. */
const WORDS_MAX = 200;

type Command = Pick<LaunchPlan, "argv" | "cwd">;

/** Null: the command names no such file. */
export function explainMissing({ name }: Service, command: Command, view: View): string | null {
  const words = command.argv
    .slice(1)
    .flatMap((arg) => wordsOf(arg, command.cwd))
    .slice(0, WORDS_MAX);
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
function hiddenPart(path: string, view: View): string | null {
  if (!existsSync(path)) return null;
  return [path, realpathSync(path)].find((each) => !isVisible(each, view)) ?? null;
}

/** An argument as a path, and the absolute paths in it, as in `--config=/srv/app.toml` or a shell's command. */
function wordsOf(arg: string, cwd: string): readonly string[] {
  const inner = arg.split(/[\s"'=:;,]+/).filter((word) => word.startsWith("/"));
  const whole = arg === "" || arg.startsWith("-") || arg.includes("\0") ? [] : [resolve(cwd, arg)];
  return [...whole, ...inner];
}
