// ten init: writes the first tenement.toml of a project.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { parseConfig } from "../../config/config.ts";
import { renderJsonSchema } from "../../config/json-schema.ts";
import { CONFIG_FILE } from "../../config/locate.ts";
import type { Project } from "../../config/projects/project.ts";
import { type NextSteps, nextSteps, planStarter, renderStarter } from "../../config/starter.ts";
import { messageOf, TenError } from "../../core/errors.ts";
import { isUnder } from "../../core/paths.ts";
import { SCHEMA_FILE } from "../../core/server-files.ts";
import { findHiddenPrograms, type HiddenProgram } from "../../doctor/programs.ts";
import { codeOf, readText } from "../../platform/files.ts";
import { defineCommand } from "../command.ts";
import type { Shell } from "../command-context.ts";

/** As in the configuration that is written. */
const DATA_DIRECTORY = "tenement-data";

export const init = defineCommand({
  meta: {
    description: `Writes ${CONFIG_FILE} for the project in this directory, and the schema that editors check it with. Recognizes a Procfile, a Dockerfile, Python (virtual environments, uv, Poetry, Pipenv, Django, FastAPI, Flask, Streamlit, Gradio, marimo, Datasette), Node (scripts, Next.js, Nuxt, Astro, SvelteKit, Remix, Node-RED), Deno, Bun, Go, Rust, Ruby, PHP, Java and static sites. Adds the read_paths that show tenants its programs. Never overwrites anything.`,
    examples: ["init", 'init --name notes --command "uv run python app.py"'],
  },
  args: {
    name: {
      type: "string",
      valueHint: "NAME",
      description: "Name of the service (the directory's)",
    },
    command: {
      type: "string",
      valueHint: "COMMAND",
      description: "How to start it (by the kind of project)",
    },
  },
  async run({ args, data: context }) {
    const { cwd } = context.shell;
    const starter = planStarter(readProject(context.shell), args);
    const hidden = hiddenIn(renderStarter(starter), context.shell);
    const text = renderStarter(
      starter,
      hidden.flatMap(({ readPaths }) => readPaths),
    );
    if (!writeNew(join(cwd, CONFIG_FILE), text)) {
      throw new TenError("CONFLICT", `Cannot write "${CONFIG_FILE}": it exists`, {
        hint: "Edit it, or remove it first",
      });
    }
    writeNew(join(cwd, SCHEMA_FILE), renderJsonSchema());
    keepFromGit(join(cwd, DATA_DIRECTORY));
    const steps = nextSteps(starter);
    const remarks = [...steps.remarks, ...hiddenIn(text, context.shell).map(describeHidden)];
    context.say(renderSteps({ ...steps, remarks }));
  },
});

function readProject({ cwd, env }: Shell): Project {
  return {
    directory: basename(cwd),
    files: namesIn(cwd),
    names: (directory) => namesIn(join(cwd, directory)),
    read: (file) => readText(join(cwd, file)),
    has: (file) => existsSync(resolve(cwd, file)),
    activeVenv: activeVenv(cwd, env["VIRTUAL_ENV"]),
    isInstalled: (program) => Bun.which(program, { PATH: env["PATH"] ?? "" }) !== null,
  };
}

/** By its path in the project, if it lies there. */
function activeVenv(cwd: string, path: string | undefined): string | null {
  if (path === undefined || !existsSync(join(path, "bin/python"))) return null;
  return isUnder(path, cwd) ? relative(cwd, path) : path;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function renderSteps({ commands, found, remarks }: NextSteps): string {
  const notes = remarks.map((remark) => `${remark}\n`).join("");
  const lines = commands.map((command) => `\n  ${command}`).join("");
  return `Wrote ${CONFIG_FILE}${found}. ${notes === "" ? "" : `\n${notes}`}Next:\n${lines}`.replace(
    / \n/,
    "\n",
  );
}

/** As tools do with directories that no repository wants. */
function keepFromGit(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeNew(join(directory, ".gitignore"), "*\n");
}

function hiddenIn(text: string, { cwd, env }: Shell): readonly HiddenProgram[] {
  return findHiddenPrograms(parseConfig(text, { file: join(cwd, CONFIG_FILE) }), env);
}

function describeHidden({ failure: { hint, reason } }: HiddenProgram): string {
  return `It can't start yet: ${reason}. ${hint ?? ""}`.trim();
}

/** False: the file exists, and stays unchanged. */
function writeNew(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: "wx" });
    return true;
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return false;
    throw new TenError("FAILED", `Cannot write "${file}": ${messageOf(cause)}`, { cause });
  }
}
