import { expect, test } from "bun:test";
import { parseConfig } from "../../../src/config/config.ts";
import {
  nextSteps,
  planStarter,
  renderStarter,
  type StarterOptions,
} from "../../../src/config/starter.ts";
import { SCHEMA_FILE } from "../../../src/core/server-files.ts";
import { project } from "./project-tree.ts";
import { errorOf } from "./refusal.ts";

type Tree = Parameters<typeof project>[0];

const textOf = (tree: Tree, options?: StarterOptions, directory?: string) =>
  renderStarter(planStarter(project(tree, directory), options));

test("a project of no known kind gets a placeholder, and the output says so", () => {
  const starter = planStarter(project({ "README.md": "" }));
  expect(renderStarter(starter)).toContain(
    '# No known kind of project was found here: write the command that starts yours.\ncommand = "./app"\n',
  );
  expect(nextSteps(starter)).toEqual({
    found: "",
    remarks: [
      "No known kind of project was found here. Write its command in [service.notes] first.",
    ],
    commands: ["ten serve", "ten spawn notes:alice"],
  });
});

test("what has to be built is a comment, and comes first in the next steps", () => {
  const starter = planStarter(project({ "go.mod": "module x/notes", "main.go": "package main" }));
  expect(nextSteps(starter)).toMatchObject({
    found: " for Go",
    commands: ["go build", "ten serve", "ten spawn notes:alice"],
  });
  expect(renderStarter(starter)).toContain("tenants can't write to this directory: go build\n");
});

test("a command that only a shell can run is written with its arguments apart", () => {
  const text = textOf({ Procfile: `web: ./migrate && exec ./serve --port $${"{PORT}"}` });
  const config = parseConfig(text, { file: "/srv/tenement.toml" });
  expect(text).toContain('command = "sh"\nargs = [ "-c", ');
  expect(config.services.get("notes")?.argv[2]).toBe(
    `./migrate && exec ./serve --port $${"{{PORT}}"}`,
  );
});

test("the first line names the schema beside the file", () => {
  expect(textOf({})).toStartWith(`#:schema ./${SCHEMA_FILE}\n`);
});

test("adds the directories of hidden programs to read_paths", () => {
  const text = renderStarter(planStarter(project({})), ["/root/.nvm/v22"]);
  const config = parseConfig(text, { file: "/srv/tenement.toml" });
  expect(config.services.get("notes")?.readPaths).toEqual(["/root/.nvm/v22"]);
});

test("the commented lines are valid, too", () => {
  const text = textOf({});
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
  const config = parseConfig(textOf({}, {}, directory), { file: "/srv/tenement.toml" });
  expect([...config.services.keys()]).toEqual([name]);
});

test("accepts a name and a command with quotes", () => {
  const text = textOf(
    { "app.py": "" },
    {
      name: "shop",
      command: `run "a b" '\\' {id}`,
    },
  );
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
