// Python projects: the command, health, environment and tool that ten init proposes.
import { describe, expect, test } from "bun:test";
import { proposeFor } from "../../../../src/config/projects/families.ts";
import { project } from "../project-tree.ts";
import { check, DIR, type Expected, LISTEN, type Tree } from "./rows.ts";

const VENV = { ".venv/bin/python": "" };

describe("Python", () => {
  const FASTAPI = 'from fastapi import FastAPI\napi = FastAPI()\n@api.get("/health")\n';
  const FLASK = "from flask import Flask\napp = Flask(__name__)\n";
  const MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n';
  const DJANGO = { "manage.py": MANAGE, "mysite/wsgi.py": "", "mysite/asgi.py": "", "app.py": "" };

  test.each<[Tree, string, Expected?]>([
    [{ "app.py": "", "uv.lock": "" }, "uv run python app.py", { first: ["uv sync"] }],
    [
      { "main.py": "", "pyproject.toml": "[tool.uv]\ndev-dependencies = []" },
      "uv run python main.py",
    ],
    [{ "main.py": "", "uv.lock": "", ...VENV }, ".venv/bin/python main.py"],
    [{ "main.py": "", "pyproject.toml": "[project]" }, "python3 main.py"],
    [{ "main.py": "", "pyproject.toml": "[broken" }, "python3 main.py"],
    [{ "app.py": "", "main.py": "" }, "python3 app.py"],
    [{ "app.py": "", ...VENV }, ".venv/bin/python app.py"],
    [{ "app.py": "", "venv/bin/python": "" }, "venv/bin/python app.py"],
    [
      { "app.py": "", "poetry.lock": "" },
      "poetry run python app.py",
      {
        kind: "Python, with Poetry",
        first: ["poetry config --local virtualenvs.in-project true", "poetry install"],
      },
    ],
    [
      { "app.py": "", Pipfile: "" },
      "pipenv run python app.py",
      { first: ["PIPENV_VENV_IN_PROJECT=1 pipenv install"] },
    ],
    [{ "manage.py": "" }, "python3 manage.py runserver --noreload 127.0.0.1:{port}"],
    [
      DJANGO,
      "python3 manage.py runserver --noreload 127.0.0.1:{port}",
      { env: { DATABASE_PATH: `${DIR}/db.sqlite3` } },
    ],
    [
      { ...DJANGO, ...VENV, ".venv/bin/gunicorn": "" },
      ".venv/bin/gunicorn mysite.wsgi --bind 127.0.0.1:{port}",
    ],
    [
      { ...DJANGO, "requirements.txt": "Django>=5\nuvicorn[standard]\n" },
      `python3 -m uvicorn mysite.asgi:application ${LISTEN}`,
    ],
    [
      { "main.py": FASTAPI, "requirements.txt": "fastapi[standard]==0.1\n" },
      `python3 -m uvicorn main:api ${LISTEN}`,
      { kind: "FastAPI with uvicorn", health: "/health" },
    ],
    [
      {
        "main.py": FASTAPI,
        "pyproject.toml": '[project]\ndependencies = ["FastAPI"]\n[tool.uv]',
        ...VENV,
      },
      `.venv/bin/uvicorn main:api ${LISTEN}`,
    ],
    [
      { "app/main.py": FASTAPI, ...VENV, ".venv/bin/uvicorn": "" },
      `.venv/bin/uvicorn app.main:api ${LISTEN}`,
    ],
    [
      { "src/main.py": FASTAPI, "requirements.txt": "fastapi" },
      `python3 -m uvicorn --app-dir src main:api ${LISTEN}`,
    ],
    [
      { "app.py": "def create_app():\n    app = FastAPI()\n", "requirements.txt": "fastapi" },
      `python3 -m uvicorn app:create_app --factory ${LISTEN}`,
    ],
    [
      { "app.py": FLASK, "requirements.txt": "Flask\n" },
      `python3 -m flask --app app run ${LISTEN}`,
      { kind: "Flask" },
    ],
    [
      { "app.py": FLASK, ...VENV, ".venv/bin/flask": "", ".venv/bin/gunicorn": "" },
      ".venv/bin/gunicorn app:app --bind 127.0.0.1:{port}",
    ],
    [
      {
        "shop/__init__.py": "def create_app():\n    return Flask(__name__)\n",
        "requirements.txt": "flask\ngunicorn",
      },
      "python3 -m gunicorn shop:create_app() --bind 127.0.0.1:{port}",
    ],
    [
      { "wsgi.py": "def application(environ, start):\n", "requirements.txt": "gunicorn" },
      "python3 -m gunicorn wsgi:application --bind 127.0.0.1:{port}",
    ],
    [
      { "app.py": "import streamlit as st\n", "requirements.txt": "streamlit" },
      "python3 -m streamlit run app.py --server.address 127.0.0.1 --server.port {port} --server.headless true",
      { health: "/_stcore/health" },
    ],
    [
      { "app.py": "import gradio as gr\n", "requirements.txt": "gradio" },
      "python3 app.py",
      { env: { GRADIO_SERVER_NAME: "127.0.0.1", GRADIO_SERVER_PORT: "{port}" } },
    ],
    [
      { "notebook.py": "import marimo\napp = marimo.App()\n", ...VENV, ".venv/bin/marimo": "" },
      `.venv/bin/marimo run notebook.py ${LISTEN} --headless`,
      { health: "/health" },
    ],
    [
      { "main.py": "from nicegui import ui\n", "requirements.txt": "nicegui" },
      "python3 main.py",
      { env: { NICEGUI_STORAGE_PATH: `${DIR}/.nicegui` } },
    ],
    [
      { "a.db": "", ...VENV, ".venv/bin/datasette": "" },
      `.venv/bin/datasette serve --immutable a.db ${LISTEN}`,
      { health: "/-/versions.json" },
    ],
    [
      { "requirements.txt": "datasette" },
      `python3 -m datasette serve ${DIR}/data.db --create ${LISTEN}`,
    ],
  ])("%j: %p", (...[tree, command, expected]) => check(tree, command, expected));

  test("the virtual environment that is active counts where the project has none of its own", () => {
    const commandOf = (tree: Tree) =>
      proposeFor({ ...project(tree), activeVenv: "/root/venvs/x" })?.argv.join(" ");
    expect(commandOf({ "app.py": "" })).toBe("/root/venvs/x/bin/python app.py");
    expect(commandOf({ "app.py": "", ...VENV })).toBe(".venv/bin/python app.py");
    expect(commandOf({ "config.ru": "" })).toBe("puma -b tcp://127.0.0.1:{port}");
  });

  test("a program of the virtual environment counts less than a file of the project", () => {
    check({ "app.py": "", ...VENV, ".venv/bin/datasette": "" }, ".venv/bin/python app.py");
  });

  test("without a file to start, nothing is proposed", () => {
    for (const tree of [{ "requirements.txt": "" }, { "pyproject.toml": "" }, { "wsgi.py": "" }])
      expect(proposeFor(project(tree as unknown as Tree))).toBe(null);
  });
});
