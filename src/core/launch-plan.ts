// What to execute for an instance: the command line split, the placeholders filled, the environment put together.
import { parse } from "shell-quote";
import type { InstanceRef, Slot } from "./ref.ts";
import type { Service } from "./service.ts";
import { renderSuggestion } from "./suggest.ts";

export const PLACEHOLDERS = ["name", "id", "data_dir", "port", "socket"] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];

/**
 * A placeholder is `{identifier}`; braces around anything else, such as `{"a":1}` or `{}`, are text.
 * `{{identifier}}` is the text `{identifier}`.
 */
const BRACED = /\{\{([A-Za-z_][A-Za-z0-9_]*)\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Says what is wrong with the placeholders of a template; empty when all of them are in `allowed`. */
export function checkPlaceholders(
  template: string,
  allowed: readonly Placeholder[] = PLACEHOLDERS,
): string[] {
  const expected =
    allowed.length === 0
      ? "no placeholder here"
      : `one of ${allowed.map((name) => `{${name}}`).join(" ")}`;
  return [...template.matchAll(BRACED)]
    .map(([, , name]) => name)
    .filter((name) => name !== undefined && !(allowed as readonly string[]).includes(name))
    .map((name) => `expected ${expected}, got "{${name}}"${renderSuggestion(name ?? "", allowed)}`);
}

/** Fills a template in a single pass: braces within a value stay as they are. */
export function fillTemplate(
  template: string,
  values: Readonly<Partial<Record<Placeholder, string>>>,
): string {
  return template.replace(BRACED, (whole, literal?: string, name?: string) => {
    if (literal !== undefined) return `{${literal}}`;
    return values[name as Placeholder] ?? whole;
  });
}

/** The template that fills to exactly `text`. */
export function escapeTemplate(text: string): string {
  return text.replace(/\{([A-Za-z_][A-Za-z0-9_]*)\}/g, "{{$1}}");
}

export type SplitCommand =
  | { readonly kind: "argv"; readonly argv: readonly string[] }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

const NO_SHELL = 'no shell runs, so write command = "sh" and args = ["-c", "..."] to use one';

/**
 * Splits a command line into argument templates as a shell would.
 * What only a shell could do (operators, globs, variables, substitutions) is a problem, never guessed at.
 */
export function splitCommand(command: string): SplitCommand {
  const text = command.trim();
  if (text === "") return refused(["expected a program, got an empty command"]);
  const unclosed = findShellSyntax(text);
  if (unclosed.length > 0) return refused(unclosed);
  const { argv, problems } = readWords(text);
  if (problems.length > 0) return refused(problems);
  const program = argv[0] ?? "";
  if (program === "") return refused(['expected a program, got ""']);
  if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(program)) {
    return refused([`expected a program, got the assignment "${program}"; write it under env`]);
  }
  return { kind: "argv", argv };
}

function refused(problems: readonly string[]): SplitCommand {
  return { kind: "problems", problems: [...new Set(problems)] };
}

/** `$'…'`, an escaped character, `'…'` and `"…"`, in the order a shell looks for them. */
const QUOTED = /\$'(?:\\[\s\S]|[^'\\])*'|\\[^\n]|'[^']*'|"(?:\\[\s\S]|[^"\\])*"/g;

/** Finds what `shell-quote` would take as text: open quotes, line breaks, `~`, backquotes, `"$(…)"`. */
function findShellSyntax(text: string): string[] {
  const bare = bareText(text);
  const expanding = [bare, ...(text.match(QUOTED) ?? []).filter((part) => part.startsWith('"'))];
  const found: string[] = [];
  if (/["']/.test(bare)) found.push("expected a closing quote, got the end of the command");
  if (bare.endsWith("\\"))
    found.push('expected a character after "\\", got the end of the command');
  if (bare.includes("\n")) found.push("expected one line, got a line break outside quotes");
  if (/(^|\s)~/.test(bare)) found.push('"~" is not expanded; write the whole path');
  if (expanding.some((part) => part.includes("`"))) found.push(`"\`" is not run: ${NO_SHELL}`);
  if (expanding.some((part) => /(?<!\\)\$\(/.test(part)))
    found.push(`"$(" is not run: ${NO_SHELL}`);
  return found;
}

function bareText(text: string): string {
  return text.replace(QUOTED, "q");
}

function readWords(text: string): { argv: string[]; problems: string[] } {
  const globs = /[*?]/.test(bareText(text));
  const argv: string[] = [];
  const problems: string[] = [];
  for (const word of parseWords(text)) {
    if (typeof word === "string") argv.push(word);
    else if ("variable" in word) problems.push(describeVariable(word.variable));
    else if ("comment" in word)
      problems.push('"#" starts a comment in a shell; quote it to pass it on');
    else if (word.op !== "glob") problems.push(`"${word.op}" is shell syntax: ${NO_SHELL}`);
    else if (!globs) argv.push(word.pattern);
    else problems.push(`"${word.pattern}" is not expanded; quote it to pass it on: ${NO_SHELL}`);
  }
  return { argv, problems };
}

type Word =
  | string
  | { readonly variable: string }
  | { readonly comment: string }
  | { readonly op: "glob"; readonly pattern: string }
  | { readonly op: string; readonly pattern: string };

function parseWords(text: string): readonly Word[] {
  try {
    // An empty name is a "$" that no name follows, which is text in a shell too.
    return parse(text, (variable) => (variable === "" ? "$" : { variable })) as unknown as Word[];
  } catch {
    return [{ variable: "{}" }];
  }
}

function describeVariable(name: string): string {
  const placeholder = PLACEHOLDERS.find((known) => VARIABLES[known].includes(name.toLowerCase()));
  const instead =
    placeholder === undefined ? NO_SHELL : `no shell runs, so write {${placeholder}} instead`;
  return `"$${name}" is not expanded: ${instead}`;
}

/** What people call the value of each placeholder when they write it as a variable. */
const VARIABLES: Readonly<Record<Placeholder, readonly string[]>> = {
  name: ["name", "tenement_service"],
  id: ["id", "tenement_instance"],
  data_dir: ["data_dir"],
  port: ["port"],
  socket: ["socket", "socket_path"],
};

export interface LaunchPlanInput {
  readonly service: Service;
  readonly ref: InstanceRef;
  readonly slot: Slot;
  /** The server's data directory. */
  readonly dataDir: string;
  readonly port: number;
  /** The server's own environment; nothing but PATH, HOME, LANG and TZ is taken from it. */
  readonly serverEnv: Readonly<Record<string, string | undefined>>;
  /** What `ten env set` stored for the instance. */
  readonly storedEnv: Readonly<Record<string, string>>;
  /** What the service's `env_file` says. */
  readonly fileEnv: Readonly<Record<string, string>>;
}

export interface LaunchPlan {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly socketPath: string;
  /** The instance's own files: `{data_dir}/{service}/{id}`. */
  readonly instanceDir: string;
  /** By which what the launch starts is found: in the environment, as `TENEMENT_MARK`. */
  readonly mark: string;
}

const INHERITED = ["PATH", "HOME", "LANG", "TZ"] as const;

type Placed = Pick<LaunchPlanInput, "service" | "ref" | "slot" | "dataDir" | "port">;

/** The instance's own files. */
export function instanceDirOf({ ref, dataDir }: Pick<Placed, "ref" | "dataDir">): string {
  return `${dataDir}/${ref.service}/${ref.id}`;
}

/** The mark of what is started in one slot of an instance. */
export function markOf(placed: Pick<Placed, "ref" | "slot" | "dataDir">): string {
  return `${instanceDirOf(placed)}#${placed.slot}`;
}

/**
 * The path handed over as SOCKET_PATH. Where the processes of both slots see the same directory, that of slot 1 is
 * another: neither takes the other's socket.
 */
export function socketPathOf(placed: Placed): string {
  const path = fillTemplate(placed.service.socket, knownOf(placed));
  return placed.slot === 1 && isShared(path, placed) ? `${path}.1` : path;
}

function isShared(path: string, placed: Placed): boolean {
  const { isolation, writePaths } = placed.service;
  if (isolation === "process") return true;
  const directory = path.slice(0, path.lastIndexOf("/"));
  return [instanceDirOf(placed), ...writePaths].includes(directory);
}

function knownOf({ ref, dataDir, port }: Placed) {
  return { name: ref.service, id: ref.id, data_dir: dataDir, port: String(port) };
}

/**
 * Decides what to execute. Of two values for one variable the later wins: the server's PATH, HOME, LANG and
 * TZ, then the service's `env`, its `env_file`, what was stored for the instance, and the server's own names.
 */
export function planLaunch(input: LaunchPlanInput): LaunchPlan {
  const { service, ref, port } = input;
  const instanceDir = instanceDirOf(input);
  const mark = markOf(input);
  const socketPath = socketPathOf(input);
  const known = { ...knownOf(input), socket: socketPath };
  const fill = (template: string) => fillTemplate(template, known);
  const env = Object.fromEntries(
    Object.entries(service.env).map(([name, template]) => [name, fill(template)]),
  );
  return {
    argv: service.argv.map(fill),
    cwd: fill(service.workdir),
    env: {
      ...inheritedEnv(input, instanceDir),
      ...env,
      ...input.fileEnv,
      ...input.storedEnv,
      PORT: String(port),
      SOCKET_PATH: socketPath,
      TENEMENT_SERVICE: ref.service,
      TENEMENT_INSTANCE: ref.id,
      TENEMENT_DATA_DIR: instanceDir,
      TENEMENT_MARK: mark,
    },
    socketPath,
    instanceDir,
    mark,
  };
}

function inheritedEnv({ service, serverEnv }: LaunchPlanInput, instanceDir: string) {
  // Behind walls the server's home is hidden, so a HOME there would only fail.
  const home = service.isolation === "process" ? serverEnv["HOME"] : instanceDir;
  const env: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = name === "HOME" ? home : serverEnv[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
