// ten init: writes the first tenement.toml of a project.
import { readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseConfig } from "../../config/config.ts";
import { renderJsonSchema } from "../../config/json-schema.ts";
import { CONFIG_FILE } from "../../config/locate.ts";
import { type Project, planStarter, renderStarter } from "../../config/starter.ts";
import { messageOf, TenError } from "../../core/errors.ts";
import { SCHEMA_FILE } from "../../core/server-files.ts";
import { findHiddenPrograms } from "../../doctor/programs.ts";
import { codeOf, readText } from "../../platform/files.ts";
import { defineCommand } from "../command.ts";
import type { Shell } from "../command-context.ts";

export const init = defineCommand({
  meta: {
    description: `Writes ${CONFIG_FILE} for the project in this directory, and the schema that editors check it with. Recognizes Python with or without uv, Node, Bun, Deno, Go and Rust. Never overwrites anything.`,
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
    const starter = planStarter(readProject(cwd), args);
    const text = renderStarter(starter, hiddenFrom(renderStarter(starter), context.shell));
    if (!writeNew(join(cwd, CONFIG_FILE), text)) {
      throw new TenError("CONFLICT", `Cannot write "${CONFIG_FILE}": it exists`, {
        hint: "Edit it, or remove it first",
      });
    }
    writeNew(join(cwd, SCHEMA_FILE), renderJsonSchema());
    context.say(`Wrote ${CONFIG_FILE}. Next:\n\n  ten serve\n  ten spawn ${starter.name}:alice`);
  },
});

function readProject(cwd: string): Project {
  return {
    directory: basename(cwd),
    files: readdirSync(cwd),
    read: (file) => readText(join(cwd, file)),
  };
}

/** The `read_paths` that show tenants the programs of a configuration. */
function hiddenFrom(text: string, { cwd, env }: Shell): readonly string[] {
  const config = parseConfig(text, { file: join(cwd, CONFIG_FILE) });
  return findHiddenPrograms(config, env).flatMap(({ readPaths }) => readPaths);
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
