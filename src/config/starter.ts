// Plans and writes the `tenement.toml` of `ten init`: the service of a project, by its kind or as asked for.
import { stringify } from "smol-toml";
import { splitCommandLine } from "../core/command-line.ts";
import { TenError } from "../core/errors.ts";
import { isLabel, LABEL_RULE } from "../core/ref.ts";
import { SCHEMA_FILE } from "../core/server-files.ts";
import { checkPlaceholders } from "../core/template.ts";
import { RESERVED_SERVICE_NAMES } from "./checks.ts";
import { proposeFor } from "./projects/families.ts";
import type { Project, Proposal } from "./projects/project.ts";

export interface StarterOptions {
  readonly name?: string | undefined;
  readonly command?: string | undefined;
}

export interface Starter {
  readonly name: string;
  readonly service: Proposal | Given | Unknown;
}

/** A command as the user gave it. */
interface Given {
  readonly kind: null;
  readonly command: string;
}

/** The project is of no known kind. */
interface Unknown {
  readonly kind: null;
  readonly command: null;
}

/** The service of a project; throws USAGE_INVALID for a name or command that can't be used. */
export function planStarter(project: Project, options: StarterOptions = {}): Starter {
  const name =
    options.name === undefined ? serviceName(project.directory) : checkName(options.name);
  const service =
    options.command === undefined
      ? (proposeFor(project) ?? { kind: null, command: null })
      : { kind: null, command: checkCommand(options.command) };
  return { name, service };
}

/** The nearest service name to a directory's name. */
function serviceName(directory: string): string {
  const name = directory
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .slice(0, 63)
    .replace(/^[-_]+|[-_]+$/g, "");
  return isLabel(name) && !isReserved(name) ? name : "app";
}

function isReserved(name: string): boolean {
  return (RESERVED_SERVICE_NAMES as readonly string[]).includes(name);
}

function checkName(name: string): string {
  if (isLabel(name) && !isReserved(name)) return name;
  const state = isReserved(name) ? "the server keeps its own files under it" : "not a valid name";
  throw new TenError("USAGE_INVALID", `Cannot name a service "${name}": ${state}`, {
    hint: `Use ${LABEL_RULE}`,
  });
}

function checkCommand(command: string): string {
  const split = splitCommandLine(command);
  const problems =
    split.kind === "argv" ? split.argv.flatMap((word) => checkPlaceholders(word)) : split.problems;
  if (problems.length === 0) return command;
  throw new TenError("USAGE_INVALID", `Cannot use "${command}": ${problems.join("; ")}`);
}

/** The configuration. @param readPaths directories that the programs need in view */
export function renderStarter(
  { name, service }: Starter,
  readPaths: readonly string[] = [],
): string {
  return `#:schema ./${SCHEMA_FILE}

[settings]
data_dir = "./tenement-data"      # state, and the files of each instance

# A service is a template; each tenant gets an instance of it. "ten spawn ${name}:alice" makes one,
# at alice.${name}.localhost. It must listen on the port in PORT, or on the socket in SOCKET_PATH.
[service.${name}]
${renderCommand(service)}
${renderReadPaths(readPaths)}${renderHealth(service)}
#isolation = "process"            # no walls around the tenants: for code that you trust as you do the server
idle_timeout = 300                # seconds without a request until it sleeps; 0: never
startup_timeout = 10              # seconds until it must be ready

${renderEnv(name, service)}

#[instances]                      # started together with the server
#${name} = ["alice"]
`;
}

const UNKNOWN = `# No known kind of project was found here: write the command that starts yours.
command = "./app"`;

function renderCommand(service: Starter["service"]): string {
  if (service.kind === null) {
    if (service.command === null) return UNKNOWN;
    return `# As given.\n${stringify({ command: service.command }).trim()}`;
  }
  const notes = [service.kind, ...firstNotes(service), ...(service.remarks ?? [])];
  const [program = "", ...args] = service.argv;
  const isShell = program === "sh" && args[0] === "-c";
  const keys = isShell
    ? { command: program, args }
    : { command: service.argv.map(quote).join(" ") };
  return [...notes.map((note) => `# ${note}`), stringify(keys).trim()].join("\n");
}

function firstNotes({ first = [] }: Proposal): readonly string[] {
  return first.length === 0
    ? []
    : [`First, here, since tenants can't write to this directory: ${first.join(" && ")}`];
}

/** A template as a word of a command line. */
function quote(word: string): string {
  return /^[A-Za-z0-9_./@{}:=,+%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function renderReadPaths(paths: readonly string[]): string {
  if (paths.length === 0) return "";
  const keys = stringify({ read_paths: paths }).trim();
  return `${keys}   # tenants see nothing else of what lies there\n`;
}

const HEALTH_COMMENT = "# path that answers 200 when all is well";

function renderHealth(service: Starter["service"]): string {
  const health = service.kind === null ? null : (service.health ?? null);
  return health === null
    ? `#health = "/health"               ${HEALTH_COMMENT}`
    : `${stringify({ health }).trim().padEnd(33)} ${HEALTH_COMMENT}`;
}

const DATABASE = `DATABASE_PATH = "{data_dir}/{name}/{id}/app.db"`;

function renderEnv(name: string, service: Starter["service"]): string {
  const { env = {}, optionalEnv = {} } = service.kind === null ? {} : service;
  const head = `[service.${name}.env]             # {name} {id} {data_dir} {port} {socket} are filled in`;
  const lines = stringify(env).trim();
  const optional = stringify(optionalEnv)
    .trim()
    .split("\n")
    .filter((line) => line !== "");
  const hasData = "DATABASE_PATH" in env;
  const comments = [...optional, ...(hasData ? [] : [DATABASE])].map((line) => `#${line}`);
  return [...(lines === "" ? [`#${head}`] : [head, lines]), ...comments].join("\n");
}

/** The output of `ten init`, in parts. */
export interface NextSteps {
  /** In the first line, after the file's name: " for Django". */
  readonly found: string;
  readonly remarks: readonly string[];
  readonly commands: readonly string[];
}

export function nextSteps({ name, service }: Starter): NextSteps {
  const commands = ["ten serve", `ten spawn ${name}:alice`];
  if (service.kind !== null) {
    const { first = [], kind, remarks = [] } = service;
    return { found: ` for ${kind}`, remarks, commands: [...first, ...commands] };
  }
  const remark = `No known kind of project was found here. Write its command in [service.${name}] first.`;
  return { found: "", remarks: service.command === null ? [remark] : [], commands };
}
