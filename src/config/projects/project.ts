// A project's files, the service that is proposed for them, and the reading that all families share.
import { parse } from "smol-toml";
import { splitCommandLine } from "../../core/command-line.ts";
import { escapeTemplate } from "../../core/template.ts";
import { valueAt } from "../document.ts";

/** The directory in which `ten init` runs. Paths are relative to it. */
export interface Project {
  /** Its base name, which becomes the name of the service. */
  readonly directory: string;
  /** Names of the files and directories in it. */
  readonly files: readonly string[];
  /** The names in a directory; none where it is no directory. */
  names(directory: string): readonly string[];
  /** The text of a file; null when it can't be read. */
  read(file: string): string | null;
  /** Whether a file or directory is there, links followed. */
  has(path: string): boolean;
  /** The virtual environment that is active in the shell; null: none is. */
  readonly activeVenv: string | null;
  /** Whether a program is on the PATH. */
  isInstalled(program: string): boolean;
}

/** A service for a project. */
export interface Proposal {
  /** For people: "Django with gunicorn". */
  readonly kind: string;
  /** Templates: program and arguments. */
  readonly argv: readonly string[];
  readonly health?: string | null;
  /** Values are templates. */
  readonly env?: Readonly<Record<string, string>>;
  /** Variables that many want, as comments; values are templates. */
  readonly optionalEnv?: Readonly<Record<string, string>>;
  /** Commands that have to be run once, before the server. */
  readonly first?: readonly string[];
  /** Sentences on steps that are left to the user. */
  readonly remarks?: readonly string[];
}

/** Null: the project is of another kind. It names no file that is not there, unless `first` makes it. */
export type Family = (project: Project) => Proposal | null;

/** The directory of an instance, as a template. */
export const INSTANCE_DIR = "{data_dir}/{name}/{id}";

/** Text as a template word. */
export const literal = escapeTemplate;

export function firstOf(project: Project, paths: readonly string[]): string | null {
  return paths.find((path) => project.has(path)) ?? null;
}

export interface Place {
  readonly file: string;
  readonly path: readonly string[];
}

export function jsonAt(project: Project, { file, path }: Place): unknown {
  // Most comments in deno.jsonc are on separate lines.
  const text = (project.read(file) ?? "").replace(/^\s*\/\/.*$/gm, "");
  try {
    return valueAt(JSON.parse(text), path);
  } catch {
    return undefined;
  }
}

export function tomlAt(project: Project, { file, path }: Place): unknown {
  try {
    return valueAt(parse(project.read(file) ?? ""), path);
  } catch {
    return undefined;
  }
}

/** The keys of a table; none where there is no table. */
export function keysOf(table: unknown): readonly string[] {
  return typeof table === "object" && table !== null ? Object.keys(table) : [];
}

/** A path that sources name, and that only a health check has; the first of them. */
export function healthIn(sources: readonly (string | null)[]): string | null {
  const path = /(?<!\bfetch)\(\s*["'`](?:GET )?(\/(?:api\/)?(?:_?healthz?|livez|readyz?|up))["'`]/;
  return path.exec(sources.join("\n"))?.[1] ?? null;
}

/** A line that a shell would run: variables that name the port become `{port}`. */
export function readShellLine(line: string): Omit<Proposal, "kind"> | null {
  const text = line.trim().replace(/^exec\s+/, "");
  if (text === "") return null;
  const { assignments, rest } = splitAssignments(text);
  const withPort = literal(rest).replace(/\$(?:PORT\b|\{\{PORT\}\}|\{PORT:?-\d*\})/g, "{port}");
  const split = splitCommandLine(onLoopback(withPort));
  return split.kind === "argv"
    ? { argv: split.argv, env: assignments }
    : { argv: ["sh", "-c", onLoopback(literal(text))] };
}

/** An application that listens on all addresses is reached past the server. */
export function onLoopback(text: string): string {
  return text.replace(/(?<![\d.])0\.0\.0\.0(?![\d.])/g, "127.0.0.1");
}

function splitAssignments(text: string) {
  const assignments: Record<string, string> = {};
  let rest = text.replace(/^(?:[\w./-]*\/)?(?:cross-env|env)\s+(?=\w+=)/, "");
  for (;;) {
    const [all, name = "", value = ""] = /^([A-Za-z_]\w*)=([^\s"'$`\\]*)\s+/.exec(rest) ?? [];
    if (all === undefined) return { assignments, rest };
    assignments[name] = literal(value);
    rest = rest.slice(all.length);
  }
}

/** The program of a command by its path in the project, where the project has installed it for itself. */
export function installedIn(project: Project, argv: readonly string[]): readonly string[] {
  const [program = "", ...args] = argv;
  if (program === "" || program.includes("/")) return argv;
  const places = [...VENVS.map((venv) => `${venv}/bin`), "node_modules/.bin", "bin"];
  const own = places.map((place) => `${place}/${program}`).find((path) => project.has(path));
  return own === undefined ? argv : [own, ...args];
}

/** Whether a program is in the project, or on the PATH. */
export function isProgramThere(project: Project, program: string): boolean {
  return program.includes("/") ? project.has(program) : project.isInstalled(program);
}

/** The usual names of a Python project's virtual environment. */
export const VENVS = [".venv", "venv", "env"] as const;
