// Python projects: their virtual environment, their framework, and the file that holds the application.
import { unreachable } from "../../core/assert.ts";
import { healthIn, literal, type Project, type Proposal } from "./project.ts";
import { datasette, PYTHON_FRAMEWORKS } from "./python-frameworks.ts";
import { type PythonApp, type PythonProject, readPython } from "./python-project.ts";

/** Files that are started as they are. */
const ENTRIES = ["app.py", "main.py", "server.py", "run.py", "src/main.py", "src/app.py"];

export function fromPython(project: Project): Proposal | null {
  const python = readPython(project);
  if (python === null) return null;
  for (const framework of PYTHON_FRAMEWORKS) {
    const app = framework(python);
    if (app !== null) return withRunner(python, app);
  }
  const entry = ENTRIES.find((file) => project.has(file));
  if (entry === undefined) return fromPackage(python);
  const argv = ["python", literal(entry)];
  return withRunner(python, { kind: "Python", argv, health: healthIn([project.read(entry)]) });
}

/** Without a file to start, a package that is an application. */
function fromPackage(python: PythonProject): Proposal | null {
  const app = datasette(python);
  return app === null ? null : withRunner(python, app);
}

/** The command in the project's virtual environment, or by the tool that makes one. */
function withRunner({ runner, venv }: PythonProject, app: PythonApp): Proposal {
  const [program = "", ...args] = app.argv;
  const { kind } = app;
  if (venv !== null) return { ...app, argv: [`${venv}/bin/${program}`, ...args] };
  switch (runner) {
    case "uv":
      return {
        ...app,
        kind: `${kind}, with uv`,
        argv: ["uv", "run", ...app.argv],
        first: ["uv sync"],
      };
    case "poetry": {
      const first = ["poetry config --local virtualenvs.in-project true", "poetry install"];
      return { ...app, kind: `${kind}, with Poetry`, argv: ["poetry", "run", ...app.argv], first };
    }
    case "pipenv": {
      const first = ["PIPENV_VENV_IN_PROJECT=1 pipenv install"];
      return { ...app, kind: `${kind}, with Pipenv`, argv: ["pipenv", "run", ...app.argv], first };
    }
    case "none":
      return {
        ...app,
        argv: program === "python" ? ["python3", ...args] : ["python3", "-m", ...app.argv],
      };
    default:
      return unreachable(runner);
  }
}
