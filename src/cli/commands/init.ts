// ten init: writes the first tenement.toml of a project.
import { readdirSync, realpathSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { renderJsonSchema } from "../../config/json-schema.ts";
import { CONFIG_FILE } from "../../config/locate.ts";
import { type Project, planStarter } from "../../config/starter.ts";
import { messageOf, TenError } from "../../core/errors.ts";
import { isSoftware } from "../../core/host-paths.ts";
import { isUnder } from "../../core/paths.ts";
import { SCHEMA_FILE } from "../../core/server-files.ts";
import { defaultIsolation } from "../../core/service.ts";
import { installationOf } from "../../core/walls.ts";
import { codeOf, readText } from "../../platform/files.ts";
import { defineCommand } from "../command.ts";

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
    const text = planStarter(readProject(cwd, context.shell.env["PATH"]), args);
    if (!writeNew(join(cwd, CONFIG_FILE), text)) {
      throw new TenError("CONFLICT", `Cannot write "${CONFIG_FILE}": it exists`, {
        hint: "Edit it, or remove it first",
      });
    }
    writeNew(join(cwd, SCHEMA_FILE), renderJsonSchema());
    const name = /^\[service\.(.+)\]$/m.exec(text)?.[1] ?? "app";
    context.say(`Wrote ${CONFIG_FILE}. Next:\n\n  ten serve\n  ten spawn ${name}:alice`);
  },
});

function readProject(cwd: string, path: string | undefined): Project {
  return {
    directory: basename(cwd),
    files: readdirSync(cwd),
    hiddenInstallation(program) {
      if (defaultIsolation(process.platform) === "process") return null;
      const found = Bun.which(program, { PATH: path ?? "", cwd });
      const paths = found === null ? [] : [found, realpathSync(found)];
      const hidden = paths.filter((each) => !isSoftware(each));
      // The project itself is visible to the instance.
      const first = hidden.find((each) => !isUnder(each, realpathSync(cwd)));
      return first === undefined ? null : installationOf(first);
    },
    read: (file) => readText(join(cwd, file)),
  };
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
