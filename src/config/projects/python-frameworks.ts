// The frameworks of Python, an entry each: the command, the port as it wants it, health, data.
import { healthIn, INSTANCE_DIR, literal } from "./project.ts";
import {
  type Found,
  factoryOf,
  findSource,
  type PythonApp,
  type PythonProject,
  variableOf,
} from "./python-project.ts";

/** Null: the project does not use the framework. */
type Framework = (python: PythonProject) => PythonApp | null;

const BIND = ["--bind", "127.0.0.1:{port}"];
const HOST_AND_PORT = ["--host", "127.0.0.1", "--port", "{port}"];

/** Django comes before a file beside it, and a program that serves before a library that it may contain. */
export const PYTHON_FRAMEWORKS: readonly Framework[] = [
  django,
  streamlit,
  marimo,
  gradio,
  nicegui,
  asgi,
  flask,
  wsgi,
];

function django({ project, uses }: PythonProject): PythonApp | null {
  if (!project.has("manage.py")) return null;
  const settings = /DJANGO_SETTINGS_MODULE["'],\s*["'](\w+)\./.exec(
    project.read("manage.py") ?? "",
  );
  const site = settings?.[1];
  const remarks = [
    `Keep the database in TENEMENT_DATA_DIR, for example DATABASES NAME: os.environ["DATABASE_PATH"].`,
    "Each tenant has a database of its own: run manage.py migrate for each, before the server in a shell command for example.",
  ];
  const common = { env: { DATABASE_PATH: `${INSTANCE_DIR}/db.sqlite3` }, remarks };
  const health = site === undefined ? null : healthIn([project.read(`${site}/urls.py`)]);
  const serve = (program: string, args: readonly string[]) => ({
    kind: `Django with ${program}`,
    argv: [program, ...args],
    health: health,
    ...common,
  });
  const hasFile = (name: string) => site !== undefined && project.has(`${site}/${name}.py`);
  if (uses("gunicorn") && hasFile("wsgi")) return serve("gunicorn", [`${site}.wsgi`, ...BIND]);
  if (uses("uvicorn") && hasFile("asgi"))
    return serve("uvicorn", [`${site}.asgi:application`, ...HOST_AND_PORT]);
  if (uses("waitress") && hasFile("wsgi"))
    return serve("waitress-serve", ["--listen=127.0.0.1:{port}", `${site}.wsgi:application`]);
  const argv = ["python", "manage.py", "runserver", "--noreload", "127.0.0.1:{port}"];
  return { kind: "Django", argv, health, ...common };
}

function streamlit(python: PythonProject): PythonApp | null {
  const found = python.uses("streamlit") ? findSource(python, imports("streamlit")) : null;
  if (found === null) return null;
  const options = ["--server.address", "127.0.0.1", "--server.port", "{port}"];
  const argv = ["streamlit", "run", literal(found.file), ...options, "--server.headless", "true"];
  return { kind: "Streamlit", argv, health: "/_stcore/health" };
}

function marimo(python: PythonProject): PythonApp | null {
  const found = python.uses("marimo") ? findSource(python, /\bmarimo\.App\(/) : null;
  if (found === null) return null;
  const argv = ["marimo", "run", literal(found.file), ...HOST_AND_PORT, "--headless"];
  return { kind: "marimo", argv, health: "/health" };
}

function gradio(python: PythonProject): PythonApp | null {
  const found = python.uses("gradio") ? findSource(python, imports("gradio")) : null;
  if (found === null) return null;
  const env = { GRADIO_SERVER_NAME: "127.0.0.1", GRADIO_SERVER_PORT: "{port}" };
  return { kind: "Gradio", argv: ["python", literal(found.file)], env };
}

function nicegui(python: PythonProject): PythonApp | null {
  const found = python.uses("nicegui") ? findSource(python, imports("nicegui")) : null;
  if (found === null) return null;
  const env = { NICEGUI_STORAGE_PATH: `${INSTANCE_DIR}/.nicegui` };
  const isSet = /\bPORT\b/.test(found.source);
  const remarks = isSet
    ? []
    : [`Have it listen on its port: ui.run(port=int(os.environ["PORT"])).`];
  return { kind: "NiceGUI", argv: ["python", literal(found.file)], env, remarks };
}

const ASGI = "FastAPI|Starlette|Litestar|Quart";

function asgi(python: PythonProject): PythonApp | null {
  const isUsed = ["fastapi", "starlette", "litestar", "quart"].some((name) => python.uses(name));
  if (!isUsed && !python.uses("uvicorn")) return null;
  const found = findSource(python, new RegExp(`=\\s*(?:\\w+\\.)?(?:${ASGI})\\(`));
  const name = found === null ? null : variableOf(found, ASGI);
  const factory = found === null ? null : factoryOf(found);
  if (found === null || (name ?? factory) === null) return null;
  const directory = found.appDir === null ? [] : ["--app-dir", found.appDir];
  const kind = new RegExp(ASGI).exec(found.source)?.[0] ?? "ASGI";
  const argv = [
    ...["uvicorn", ...directory, `${found.module}:${name ?? factory}`],
    ...(name === null ? ["--factory"] : []),
    ...HOST_AND_PORT,
  ];
  return { kind: `${kind} with uvicorn`, argv, health: healthIn([found.source]) };
}

function flask(python: PythonProject): PythonApp | null {
  const found = python.uses("flask") ? findSource(python, /\bFlask\(/) : null;
  if (found === null) return null;
  const health = healthIn([found.source]);
  if (python.uses("gunicorn")) return gunicorn("Flask", found, "Flask");
  const directory = found.appDir === null ? "" : `${found.appDir}/`;
  const target = `${directory}${found.module}`;
  // The development server of Flask serves one tenant well.
  return { kind: "Flask", argv: ["flask", "--app", target, "run", ...HOST_AND_PORT], health };
}

/** Any other application by the interface that gunicorn and waitress serve. */
function wsgi(python: PythonProject): PythonApp | null {
  if (!python.uses("gunicorn")) return null;
  const found = findSource(python, /^(?:application|app)\s*=|^def application\(/m);
  return found === null ? null : gunicorn("WSGI", found, "\\w+");
}

function gunicorn(kind: string, found: Found, made: string): PythonApp | null {
  const factory = factoryOf(found);
  const named =
    variableOf(found, made) ?? (/^def application\(/m.test(found.source) ? "application" : null);
  const name = named ?? (factory === null ? null : `${factory}()`);
  if (name === null) return null;
  const directory = found.appDir === null ? [] : ["--chdir", found.appDir];
  const argv = ["gunicorn", ...directory, `${found.module}:${name}`, ...BIND];
  return { kind: `${kind} with gunicorn`, argv, health: healthIn([found.source]) };
}

export function datasette({ project, uses }: PythonProject): PythonApp | null {
  if (!uses("datasette")) return null;
  const own = project.files.filter((file) => /\.(?:db|sqlite3?)$/.test(file)).map(literal);
  // Files of the project can't be written to.
  const files =
    own.length > 0
      ? own.flatMap((file) => ["--immutable", file])
      : [`${INSTANCE_DIR}/data.db`, "--create"];
  const argv = ["datasette", "serve", ...files, ...HOST_AND_PORT];
  return { kind: "Datasette", argv, health: "/-/versions.json" };
}

function imports(name: string): RegExp {
  return new RegExp(`^\\s*(?:import|from)\\s+${name}\\b`, "m");
}
