// Environment variables on the command line: NAME=VALUE, or from files and standard input, which no one else can read.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnvFile } from "../core/env-file.ts";
import { messageOf, type TenError } from "../core/errors.ts";
import type { Context } from "./command-context.ts";
import { parsePairs, usage } from "./parse.ts";

/** In place of a value or a file: standard input. */
const STANDARD_INPUT = "-";

export const ENV_FILE_ARG = {
  type: "string",
  repeated: true,
  valueHint: "FILE",
  description: "File with lines NAME=VALUE; - is standard input; may be repeated",
} as const;

export interface Variables {
  /** `NAME=VALUE`, or `NAME=-` for a value from standard input; they go before those of files. */
  readonly pairs: readonly string[];
  /** Paths of `.env` files, or `-` for standard input; a later one goes before an earlier one. */
  readonly files: readonly string[];
}

/** Throws USAGE_INVALID; the message repeats no value. */
export async function readVariables(
  { pairs, files }: Variables,
  { shell }: Context,
): Promise<Record<string, string>> {
  const given = Object.entries(parsePairs(pairs));
  const readers = [...files, ...given.map(([, value]) => value)];
  if (readers.filter((source) => source === STANDARD_INPUT).length > 1)
    throw usage("Cannot read standard input twice: - is given more than once");
  const env: Record<string, string> = {};
  for (const file of files) {
    const text = file === STANDARD_INPUT ? await shell.input() : readFile(resolve(shell.cwd, file));
    Object.assign(env, parseFile(file, text));
  }
  for (const [name, value] of given) {
    // A text that a command or an editor has written ends with a line break that is not meant.
    env[name] = value === STANDARD_INPUT ? (await shell.input()).replace(/\r?\n$/, "") : value;
  }
  return env;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw cannotRead(path, messageOf(error));
  }
}

function parseFile(file: string, text: string): Readonly<Record<string, string>> {
  const parsed = parseEnvFile(text);
  if (parsed.kind === "env") return parsed.env;
  const name = file === STANDARD_INPUT ? "standard input" : file;
  throw cannotRead(name, parsed.problems.join("; "));
}

function cannotRead(name: string, reason: string): TenError {
  return usage(`Cannot read variables from ${name}: ${reason}`);
}
