// The facts of a Python project: dependencies, virtual environment, and the file with the application.
import { keysOf, type Project, type Proposal, tomlAt, VENVS } from "./project.ts";

/** A command whose program is one of Python's, by its name alone. */
export type PythonApp = Proposal;

export interface PythonProject {
  readonly project: Project;
  /** The virtual environment; null: there is none. */
  readonly venv: string | null;
  /** The tool that makes one. */
  readonly runner: "uv" | "poetry" | "pipenv" | "none";
  /** Whether the project depends on a package, or its virtual environment has the program of that name. */
  uses(name: string): boolean;
}

const MARKS = ["pyproject.toml", "requirements.txt", "Pipfile", "setup.py", "manage.py", "uv.lock"];

/** Null: it is no Python project. */
export function readPython(project: Project): PythonProject | null {
  const hasPython = (each: string) => project.has(`${each}/bin/python`);
  const own = VENVS.find(hasPython);
  const venv = own ?? project.activeVenv;
  const isPython = project.files.some((file) => MARKS.includes(file) || file.endsWith(".py"));
  if (!isPython && own === undefined) return null;
  const packages = new Set(dependenciesOf(project).map(normalize));
  return {
    project,
    venv,
    runner: runnerOf(project),
    uses: (name) => packages.has(name) || (venv !== null && project.has(`${venv}/bin/${name}`)),
  };
}

function runnerOf(project: Project): PythonProject["runner"] {
  const hasTool = (name: string) =>
    tomlAt(project, { file: "pyproject.toml", path: ["tool", name] }) !== undefined;
  if (project.has("uv.lock") || hasTool("uv")) return "uv";
  if (project.has("poetry.lock") || hasTool("poetry")) return "poetry";
  return project.has("Pipfile") ? "pipenv" : "none";
}

function dependenciesOf(project: Project): readonly string[] {
  const pyproject = (...path: string[]) => tomlAt(project, { file: "pyproject.toml", path });
  const listed = pyproject("project", "dependencies");
  return [
    ...(project.read("requirements.txt") ?? "").split("\n"),
    ...(Array.isArray(listed) ? listed.map(String) : []),
    ...keysOf(pyproject("tool", "poetry", "dependencies")),
    ...keysOf(tomlAt(project, { file: "Pipfile", path: ["packages"] })),
  ];
}

/** The name in a requirement such as `Flask[async]>=3`. */
function normalize(requirement: string): string {
  const [name = ""] = /^[A-Za-z0-9._-]+/.exec(requirement.trim()) ?? [];
  return name.toLowerCase().replace(/[._-]+/g, "-");
}

export interface Found {
  readonly file: string;
  readonly source: string;
  /** As Python imports the file. */
  readonly module: string;
  /** The directory that it is imported from; null: the project's. */
  readonly appDir: string | null;
}

const MODULES = ["main", "app", "server", "api", "wsgi", "asgi", "application", "run"];
const NOTEBOOKS = ["streamlit_app", "Home", "notebook", "dashboard", "demo"];

/** The first file of the usual ones, and of those in packages, whose source matches. */
export function findSource({ project }: PythonProject, pattern: RegExp): Found | null {
  const top = [...MODULES, ...NOTEBOOKS].map((name) => `${name}.py`);
  const others = project.files.filter((file) => file.endsWith(".py") && !top.includes(file));
  const packages = project.files.filter((name) => isPackage(project, name));
  const inside = ["src", ...packages.filter((name) => name !== "src")].flatMap((directory) =>
    ["__init__", ...MODULES].map((name) => `${directory}/${name}.py`),
  );
  for (const file of [...top, ...others, ...inside]) {
    const source = project.read(file);
    if (source !== null && pattern.test(source))
      return { file, source, ...moduleOf(project, file) };
  }
  return null;
}

function isPackage(project: Project, name: string): boolean {
  if (name.startsWith(".") || /^(?:tests?|docs|node_modules|venv|env)$/.test(name)) return false;
  return project.names(name).some((file) => file.endsWith(".py"));
}

function moduleOf(project: Project, file: string): { module: string; appDir: string | null } {
  const name = file.replace(/\.py$/, "").replace(/\/__init__$/, "");
  const isSource = name.startsWith("src/") && !project.has("src/__init__.py");
  return isSource
    ? { module: name.slice(4).replaceAll("/", "."), appDir: "src" }
    : { module: name.replaceAll("/", "."), appDir: null };
}

/** The variable to which a source assigns the application; null: a function makes it, or there is none. */
export function variableOf({ source }: Found, made: string): string | null {
  return (
    new RegExp(`^(\\w+)\\s*(?::[^=\\n]+)?=\\s*(?:\\w+\\.)?(?:${made})\\(`, "m").exec(source)?.[1] ??
    null
  );
}

/** The function that makes the application. */
export function factoryOf({ source }: Found): string | null {
  return /^def ((?:create|make|get|build)_app)\(/m.exec(source)?.[1] ?? null;
}
