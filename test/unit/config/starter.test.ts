import { expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/config.ts";
import {
  detectCommand,
  type Project,
  planStarter,
  renderStarter,
  type StarterOptions,
} from "../../../src/config/starter.ts";
import { SCHEMA_FILE } from "../../../src/core/server-files.ts";
import { errorOf } from "./refusal.ts";

function project(texts: Readonly<Record<string, string>>, directory = "notes"): Project {
  return {
    directory,
    files: Object.keys(texts),
    read: (file) => texts[file] ?? null,
  };
}

function packageJson(content: unknown): Record<string, string> {
  return { "package.json": JSON.stringify(content) };
}

const textOf = (of: Project, options?: StarterOptions) => renderStarter(planStarter(of, options));

const START = (start: string) => packageJson({ scripts: { start } });

test.each<[Record<string, string>, string]>([
  [{ "app.py": "", "uv.lock": "" }, "uv run python app.py"],
  [
    { "main.py": "", "pyproject.toml": "[tool.uv]\ndev-dependencies = []" },
    "uv run python main.py",
  ],
  [{ "main.py": "", "pyproject.toml": "[project]" }, "python3 main.py"],
  [{ "main.py": "", "pyproject.toml": "[broken" }, "python3 main.py"],
  [{ "app.py": "", "main.py": "" }, "python3 app.py"],
  [{ "requirements.txt": "" }, "python3 app.py"],
  [{ "manage.py": "" }, "python3 manage.py runserver --noreload 127.0.0.1:{port}"],
  [START("node server.js --x 'a b'"), "node server.js --x 'a b'"],
  [START("node {id}.js"), "node {{id}}.js"],
  [START("tsc && node server.js"), "npm start"],
  [START("next start"), "npm start"],
  [packageJson({ main: "lib/index.js" }), "node lib/index.js"],
  [packageJson({ main: "it's.js" }), "node 'it'\\''s.js'"],
  [{ ...packageJson({}), "server.js": "" }, "node server.js"],
  [{ ...START("bun server.ts"), "bun.lock": "" }, "bun server.ts"],
  [{ ...START("vite"), "bun.lockb": "" }, "bun run start"],
  [{ ...packageJson({}), "bun.lock": "", "index.ts": "" }, "bun index.ts"],
  [{ "deno.json": '{"tasks":{"start":"deno run x.ts"}}' }, "deno task start"],
  [{ "deno.jsonc": '{\n  // how\n  "tasks":{"start":"x"}}' }, "deno task start"],
  [
    { "deno.json": "{}", "server.ts": "" },
    "deno run --allow-net --allow-env --allow-read --allow-write server.ts",
  ],
  [{ "go.mod": "module example.com/tools/notes/v2\n\ngo 1.24\n" }, "./notes"],
  [{ "Cargo.toml": '[package]\nname = "notes-server"' }, "target/release/notes-server"],
  [{ "Cargo.toml": "[workspace]" }, "./app"],
  [{ ...packageJson({ devDependencies: {} }), "app.py": "" }, "python3 app.py"],
  [{ "package.json": "{broken" }, "./app"],
  [{ "README.md": "" }, "./app"],
])("detects for %j the command %p and writes a valid configuration", (texts, command) => {
  expect(detectCommand(project(texts)).command).toBe(command);
  const config = parseConfig(textOf(project(texts)), { file: "/srv/tenement.toml" });
  expect([...config.services.keys()]).toEqual(["notes"]);
});

test("the first line names the schema beside the file", () => {
  expect(textOf(project({}))).toStartWith(`#:schema ./${SCHEMA_FILE}\n`);
});

test("adds the directories of hidden programs to read_paths", () => {
  const text = renderStarter(planStarter(project({})), ["/root/.nvm/v22"]);
  const config = parseConfig(text, { file: "/srv/tenement.toml" });
  expect(config.services.get("notes")?.readPaths).toEqual(["/root/.nvm/v22"]);
});

test("the commented lines are valid, too", () => {
  const text = textOf(project({}));
  const everything = text.replace(/^#(?=[A-Za-z[])/gm, "");
  const config = parseConfig(everything, { file: "/srv/tenement.toml" });
  expect(config.services.get("notes")).toMatchObject({
    health: "/health",
    env: { DATABASE_PATH: "{data_dir}/{name}/{id}/app.db" },
  });
  expect(config.instances).toEqual([{ service: "notes", id: "alice" }]);
});

test.each([
  ["My Notes!", "my-notes"],
  ["_x_", "x"],
  ["日本", "app"],
  ["acme", "app"],
  ["x".repeat(70), "x".repeat(63)],
])("a project in %p gets the service %p", (directory, name) => {
  const config = parseConfig(textOf(project({}, directory)), { file: "/srv/tenement.toml" });
  expect([...config.services.keys()]).toEqual([name]);
});

test("accepts a name and a command with quotes", () => {
  const text = textOf(project({ "app.py": "" }), {
    name: "shop",
    command: `run "a b" '\\' {id}`,
  });
  const config = parseConfig(text, { file: "/srv/tenement.toml" });
  expect(config.services.get("shop")?.argv).toEqual(["run", "a b", "\\", "{id}"]);
});

test.each([
  [{ name: "My Shop" }, 'Cannot name a service "My Shop": not a valid name'],
  [{ name: "acme" }, 'Cannot name a service "acme": the server keeps its own files under it'],
  [{ command: "a | b" }, 'Cannot use "a | b": "|" is shell syntax'],
  [{ command: "a {x}" }, 'Cannot use "a {x}": expected one of {name}'],
])("refuses %p", (wishes, message) => {
  const error = errorOf(() => planStarter(project({}), wishes));
  expect(error.code).toBe("USAGE_INVALID");
  expect(error.message).toStartWith(message);
});
