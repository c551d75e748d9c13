// JavaScript projects: Deno, Bun and Node, by the programs that their scripts start.
import { NODE_FRAMEWORKS } from "./node-frameworks.ts";
import {
  firstOf,
  healthIn,
  installedIn,
  jsonAt,
  keysOf,
  literal,
  type Project,
  type Proposal,
  readShellLine,
} from "./project.ts";

export function fromDeno(project: Project): Proposal | null {
  const file = firstOf(project, ["deno.json", "deno.jsonc"]);
  if (file === null) return null;
  const task = jsonAt(project, { file, path: ["tasks", "start"] });
  const script = typeof task === "string" ? task : undefined;
  if (script !== undefined) return { kind: "Deno", argv: unwrapDeno(script) };
  const entry = firstOf(project, ["main.ts", "server.ts", "main.js", "server.js"]);
  if (entry === null) return null;
  const allowed = ["net", "env", "read", "write"].map((right) => `--allow-${right}`);
  const health = healthIn([project.read(entry)]);
  return { kind: "Deno", argv: ["deno", "run", ...allowed, entry], health };
}

/** Without the task's runner in between, the application wakes sooner. */
function unwrapDeno(script: string): readonly string[] {
  const line = readShellLine(script);
  const isPlain = line !== null && line.argv[0] === "deno" && keysOf(line.env).length === 0;
  if (!isPlain || !/^(?:run|serve)$/.test(line.argv[1] ?? "")) return ["deno", "task", "start"];
  const [program = "", verb = "", ...args] = line.argv.filter((word) => word !== "--watch");
  if (verb !== "serve") return [program, verb, ...args];
  const others = args.filter((word, at) => !/^--port\b/.test(word) && args[at - 1] !== "--port");
  return [program, verb, "--port", "{port}", ...others];
}

const BUN_MARKS = ["bun.lock", "bun.lockb", "bunfig.toml"];
const BUN_ENTRIES = ["index.ts", "server.ts", "src/index.ts", "index.js", "server.js"];
const NODE_ENTRIES = [
  "server.js",
  "index.js",
  "app.js",
  "server.mjs",
  "index.mjs",
  "app.mjs",
  "src/index.js",
  "src/server.js",
];

export function fromBun(project: Project): Proposal | null {
  if (firstOf(project, BUN_MARKS) === null) return null;
  return fromScripts(project, {
    kind: "Bun",
    program: "bun",
    entries: BUN_ENTRIES,
    install: "bun install",
  });
}

export function fromNode(project: Project): Proposal | null {
  if (!project.has("package.json")) return null;
  const install = installerOf(project);
  return fromScripts(project, { kind: "Node", program: "node", entries: NODE_ENTRIES, install });
}

function installerOf(project: Project): string {
  if (project.has("pnpm-lock.yaml")) return "pnpm install";
  if (project.has("yarn.lock")) return "yarn install";
  return project.has("package-lock.json") ? "npm ci" : "npm install";
}

interface Runtime {
  readonly kind: "Bun" | "Node";
  readonly program: "bun" | "node";
  readonly entries: readonly string[];
  readonly install: string;
}

function fromScripts(project: Project, runtime: Runtime): Proposal | null {
  const found =
    fromFramework(project) ??
    fromStart(project, runtime) ??
    fromEntry(project, runtime) ??
    fromOnlyProgram(project);
  if (found === null) return null;
  const dependencies = jsonAt(project, { file: "package.json", path: ["dependencies"] });
  const lacksModules = keysOf(dependencies).length > 0 && !project.has("node_modules");
  const build = found.first ?? [];
  const first = [...(lacksModules ? [runtime.install] : []), ...build];
  return { optionalEnv: { NODE_ENV: "production" }, ...found, first };
}

/** A framework's own way, unless the project starts something else. */
function fromFramework(project: Project): Proposal | null {
  const start = readShellLine(scriptOf(project, "start") ?? "");
  for (const { dependency, program, propose } of NODE_FRAMEWORKS) {
    if (!dependsOn(project, dependency)) continue;
    const isStarted = start === null || start.argv[0] === program;
    const proposal = isStarted ? propose(project) : null;
    if (proposal !== null) return proposal;
  }
  return null;
}

/** Without npm in between, the application receives signals itself and wakes sooner. */
function fromStart(project: Project, { kind, program }: Runtime): Proposal | null {
  const script = scriptOf(project, "start");
  if (script === null) return null;
  const wrapped = kind === "Bun" ? ["bun", "run", "start"] : ["npm", "start"];
  const line = scriptOf(project, "prestart") === null ? readShellLine(script) : null;
  const own = line === null ? [] : installedIn(project, line.argv);
  const isDirect = own[0] === program || own[0]?.startsWith("node_modules/.bin/") === true;
  if (line === null || !isDirect) return { kind, argv: wrapped, first: buildOf(project, own) };
  const entry = own.slice(1).find((word) => /\.[cm]?[jt]sx?$/.test(word));
  const health = entry === undefined ? null : healthIn([project.read(entry)]);
  return { ...line, kind, argv: own, health, first: buildOf(project, own) };
}

/** A script that starts something that is not there yet, and a build script: the one makes the other. */
function buildOf(project: Project, argv: readonly string[]): readonly string[] {
  const entry = argv
    .slice(1)
    .find((word) => /\.[cm]?js$/.test(word) || /^(?:dist|build|lib|out)\b/.test(word));
  const isBuilt = entry === undefined || project.has(entry);
  return isBuilt || scriptOf(project, "build") === null ? [] : ["npm run build"];
}

function fromEntry(project: Project, { entries, kind, program }: Runtime): Proposal | null {
  const main = jsonAt(project, { file: "package.json", path: ["main"] });
  const named = typeof main === "string" && main !== "" ? [main] : [];
  const entry = firstOf(project, [...named, ...entries]);
  if (entry === null) return null;
  return { kind, argv: [program, literal(entry)], health: healthIn([project.read(entry)]) };
}

/** A package that is an application: the only program of the only dependencies. */
function fromOnlyProgram(project: Project): Proposal | null {
  const dependencies = jsonAt(project, { file: "package.json", path: ["dependencies"] });
  const programs = keysOf(dependencies).flatMap((name) => {
    const file = `node_modules/${name}/package.json`;
    const bin = jsonAt(project, { file, path: ["bin"] });
    return typeof bin === "string" ? [name.split("/").at(-1) ?? name] : keysOf(bin);
  });
  const there = programs.filter((name) => project.has(`node_modules/.bin/${name}`));
  const [only] = there;
  if (only === undefined || there.length > 1) return null;
  return { kind: only, argv: [`node_modules/.bin/${literal(only)}`] };
}

export function scriptOf(project: Project, name: string): string | null {
  const script = jsonAt(project, { file: "package.json", path: ["scripts", name] });
  return typeof script === "string" && script.trim() !== "" ? script.trim() : null;
}

function dependsOn(project: Project, name: string): boolean {
  return ["dependencies", "devDependencies"].some((kind) =>
    keysOf(jsonAt(project, { file: "package.json", path: [kind] })).includes(name),
  );
}
