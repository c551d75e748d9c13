// Writes the `tenement.toml` of `ten init`: detects the kind of project and its start command.
import { parse, stringify } from "smol-toml";
import { splitCommandLine } from "../core/command-line.ts";
import { TenError } from "../core/errors.ts";
import { isLabel, LABEL_RULE } from "../core/ref.ts";
import { SCHEMA_FILE } from "../core/server-files.ts";
import { checkPlaceholders, escapeTemplate } from "../core/template.ts";
import { RESERVED_SERVICE_NAMES } from "./checks.ts";
import { valueAt } from "./document.ts";

/** The directory in which `ten init` runs. */
export interface Project {
  /** Its base name, which becomes the name of the service. */
  readonly directory: string;
  /** Names of the files in it. */
  readonly files: readonly string[];
  /** The text of one of its files; null when it can't be read. */
  read(file: string): string | null;
}

export interface StarterOptions {
  readonly name?: string | undefined;
  readonly command?: string | undefined;
}

/** The service of a project; throws USAGE_INVALID for a name or command that can't be used. */
export function planStarter(project: Project, options: StarterOptions = {}): Starter {
  const name =
    options.name === undefined ? serviceName(project.directory) : checkName(options.name);
  const { command, note } =
    options.command === undefined ? detectCommand(project) : checkCommand(options.command);
  return { name, command, note };
}

interface Detected {
  /** As written in the file: a command line whose braces are placeholders. */
  readonly command: string;
  readonly note: string;
}

const DETECTORS: readonly ((project: Project) => Detected | null)[] = [
  detectDeno,
  detectBun,
  detectNode,
  detectPython,
  detectGo,
  detectRust,
];

const UNKNOWN: Detected = {
  command: "./app",
  note: "No known kind of project was found here: write the command that starts yours.",
};

/** The start command of a project: Deno, Bun, Node, Python (with uv or without), Go or Rust. */
export function detectCommand(project: Project): Detected {
  for (const detect of DETECTORS) {
    const detected = detect(project);
    if (detected !== null) return detected;
  }
  return UNKNOWN;
}

function detectDeno(project: Project): Detected | null {
  const file = firstOf(project, ["deno.json", "deno.jsonc"]);
  if (file === null) return null;
  const note = "Deno";
  if (typeof jsonAt(project, { file, path: ["tasks", "start"] }) === "string") {
    return { command: "deno task start", note };
  }
  const entry = firstOf(project, ["main.ts", "server.ts", "main.js", "server.js"]) ?? "main.ts";
  return {
    command: `deno run --allow-net --allow-env --allow-read --allow-write ${entry}`,
    note,
  };
}

function detectBun(project: Project): Detected | null {
  if (firstOf(project, ["bun.lock", "bun.lockb", "bunfig.toml"]) === null) return null;
  const entry = firstOf(project, [
    "index.ts",
    "server.ts",
    "src/index.ts",
    "index.js",
    "server.js",
  ]);
  const start = startScript(project);
  if (start !== null) return { command: direct(start, "bun") ?? "bun run start", note: "Bun" };
  return { command: `bun ${quote(mainFile(project) ?? entry ?? "index.ts")}`, note: "Bun" };
}

function detectNode(project: Project): Detected | null {
  if (!project.files.includes("package.json")) return null;
  const start = startScript(project);
  // Without npm in between, the application receives signals itself and wakes sooner.
  if (start !== null) return { command: direct(start, "node") ?? "npm start", note: "Node" };
  const entry = mainFile(project) ?? firstOf(project, ["server.js", "index.js", "app.js"]);
  return entry === null ? null : { command: `node ${quote(entry)}`, note: "Node" };
}

function detectPython(project: Project): Detected | null {
  const withUv =
    project.files.includes("uv.lock") ||
    tomlAt(project, { file: "pyproject.toml", path: ["tool", "uv"] }) !== undefined;
  const entry = firstOf(project, ["app.py", "main.py", "server.py"]);
  const isPython =
    withUv || firstOf(project, ["pyproject.toml", "requirements.txt", "manage.py"]) !== null;
  if (entry === null && !isPython) return null;
  const django = entry === null && project.files.includes("manage.py");
  const script = django ? "manage.py runserver --noreload 127.0.0.1:{port}" : (entry ?? "app.py");
  return withUv
    ? {
        command: `uv run python ${script}`,
        note: "Python with uv: run uv sync first, since tenants can't write to this directory",
      }
    : { command: `python3 ${script}`, note: "Python" };
}

function detectGo(project: Project): Detected | null {
  const module = project.files.includes("go.mod")
    ? /^module\s+(\S+)/m.exec(project.read("go.mod") ?? "")?.[1]
    : undefined;
  if (module === undefined) return null;
  // A major version at the end of the module's path is not part of the program's name.
  const program =
    module
      .replace(/\/v\d+$/, "")
      .split("/")
      .at(-1) ?? module;
  return { command: `./${quote(program)}`, note: "Go: build it first, with go build" };
}

function detectRust(project: Project): Detected | null {
  const name = tomlAt(project, { file: "Cargo.toml", path: ["package", "name"] });
  if (typeof name !== "string") return null;
  return {
    command: `target/release/${quote(name)}`,
    note: "Rust: build it first, with cargo build --release",
  };
}

function startScript(project: Project): string | null {
  const script = jsonAt(project, { file: "package.json", path: ["scripts", "start"] });
  return typeof script === "string" && script.trim() !== "" ? script.trim() : null;
}

function mainFile(project: Project): string | null {
  const main = jsonAt(project, { file: "package.json", path: ["main"] });
  return typeof main === "string" && main !== "" ? main : null;
}

/** The script itself if it is a single command of the runtime. */
function direct(script: string, runtime: string): string | null {
  const split = splitCommandLine(script);
  const plain = split.kind === "argv" && split.argv[0] === runtime;
  return plain ? escapeTemplate(script) : null;
}

function quote(text: string): string {
  const word = escapeTemplate(text);
  return /^[A-Za-z0-9_./@{}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function firstOf(project: Project, names: readonly string[]): string | null {
  return names.find((name) => project.files.includes(name)) ?? null;
}

interface Place {
  readonly file: string;
  readonly path: readonly string[];
}

function jsonAt(project: Project, { file, path }: Place): unknown {
  // Most comments in deno.jsonc are on separate lines.
  const text = (project.read(file) ?? "").replace(/^\s*\/\/.*$/gm, "");
  try {
    return valueAt(JSON.parse(text), path);
  } catch {
    return undefined;
  }
}

function tomlAt(project: Project, { file, path }: Place): unknown {
  if (!project.files.includes(file)) return undefined;
  try {
    return valueAt(parse(project.read(file) ?? ""), path);
  } catch {
    return undefined;
  }
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

function checkCommand(command: string): Detected {
  const split = splitCommandLine(command);
  const problems =
    split.kind === "argv" ? split.argv.flatMap((word) => checkPlaceholders(word)) : split.problems;
  if (problems.length === 0) return { command, note: "As given." };
  throw new TenError("USAGE_INVALID", `Cannot use "${command}": ${problems.join("; ")}`);
}

export interface Starter extends Detected {
  readonly name: string;
}

/** The configuration. @param readPaths directories that the programs need in view */
export function renderStarter(
  { name, command, note }: Starter,
  readPaths: readonly string[] = [],
): string {
  const shown =
    readPaths.length === 0
      ? ""
      : `${stringify({ read_paths: readPaths }).trim()}   # tenants see nothing else of what lies there\n`;
  return `#:schema ./${SCHEMA_FILE}

[settings]
data_dir = "./tenement-data"      # state, and the files of each instance

# A service is a template; each tenant gets an instance of it. "ten spawn ${name}:alice" makes one,
# at alice.${name}.localhost. It must listen on the port in PORT, or on the socket in SOCKET_PATH.
[service.${name}]
# ${note}
${stringify({ command }).trim()}
${shown}#health = "/health"               # path that answers 200 when all is well
#isolation = "process"            # no walls around the tenants: for code that you trust as you do the server
idle_timeout = 300                # seconds without a request until it sleeps; 0: never
startup_timeout = 10              # seconds until it must be ready

#[service.${name}.env]             # {name} {id} {data_dir} {port} {socket} are filled in
#DATABASE_PATH = "{data_dir}/{name}/{id}/app.db"

#[instances]                      # started together with the server
#${name} = ["alice"]
`;
}
