// Locates the configuration file and the data directory: by flag, environment variable, file, default.
import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parse } from "smol-toml";
import { TenError } from "../core/errors.ts";
import { readText } from "../platform/files.ts";
import { tildeProblem, valueAt } from "./document.ts";

export const CONFIG_FILE = "tenement.toml";
const DEFAULT_DATA_DIR = "./tenement-data";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LocateInput {
  /** The value of `--config` or `--data-dir`. */
  readonly flag: string | undefined;
  readonly env: Environment;
  /** Absolute. */
  readonly cwd: string;
}

/**
 * The configuration file to read, absolute: `--config`, then TENEMENT_CONFIG, then the nearest tenement.toml
 * from the current directory upwards. Throws CONFIG_INVALID when there is none; a named file may be missing.
 */
export function locateConfig({ flag, env, cwd }: LocateInput): string {
  const found = given(flag, env["TENEMENT_CONFIG"]);
  if (found !== undefined) return resolve(cwd, found);
  const nearest = findUpwards(cwd);
  if (nearest !== null) return nearest;
  throw new TenError(
    "CONFIG_INVALID",
    `Cannot find "${CONFIG_FILE}": neither "${cwd}" nor a directory above it has one`,
    { hint: "Write one with ten init, or name it with --config" },
  );
}

/** The data directory of the flag or the environment, absolute; undefined: the file decides. */
export function overrideDataDir({ flag, env, cwd }: LocateInput): string | undefined {
  const dataDir = given(flag, env["TENEMENT_DATA_DIR"]);
  if (dataDir === undefined) return undefined;
  if (dataDir.startsWith("~"))
    throw new TenError("CONFIG_INVALID", `Cannot use "${dataDir}": ${tildeProblem(dataDir)}`);
  return resolve(cwd, dataDir);
}

/**
 * The data directory for a client, absolute. The file may be invalid or missing: a client must reach its server also
 * while the configuration is being edited.
 * @param configFlag the value of `--config`
 */
export function locateDataDir(
  input: LocateInput & { readonly configFlag?: string | undefined },
): string {
  const { env, cwd, configFlag } = input;
  const asked = overrideDataDir(input);
  if (asked !== undefined) return asked;
  const named = given(configFlag, env["TENEMENT_CONFIG"]);
  const file = named === undefined ? findUpwards(cwd) : resolve(cwd, named);
  if (file === null) return resolve(cwd, DEFAULT_DATA_DIR);
  return resolve(dirname(file), readDataDir(file) ?? DEFAULT_DATA_DIR);
}

/** An empty variable counts as not set. */
function given(flag: string | undefined, variable: string | undefined): string | undefined {
  return flag ?? (variable === "" ? undefined : variable);
}

function findUpwards(cwd: string): string | null {
  for (let dir = cwd; ; dir = dirname(dir)) {
    const file = join(dir, CONFIG_FILE);
    if (existsSync(file) && statSync(file).isFile()) return file;
    if (dir === dirname(dir)) return null;
  }
}

function readDataDir(file: string): string | null {
  const text = readText(file);
  if (text === null) return null;
  try {
    const dataDir = valueAt(parse(text), ["settings", "data_dir"]);
    return typeof dataDir === "string" ? dataDir : null;
  } catch {
    // An error elsewhere in the file does not change the data directory.
    return /^\s*data_dir\s*=\s*["']([^"'\n]+)["']/m.exec(text)?.[1] ?? null;
  }
}
