// The programs of configured services that tenants would not see.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseConfig } from "../../../src/config/config.ts";
import { findUnmetNeeds } from "../../../src/doctor/finding.ts";
import { examinePrograms, findHiddenPrograms } from "../../../src/doctor/programs.ts";

let root: string;
const at = (path: string) => join(root, path);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ten-programs-"));
  program("python/3.12/bin/python3", "");
  program("app/.venv/bin/serve", `#!${at("app/.venv/bin/python")}\n`);
  symlinkSync(at("python/3.12/bin/python3"), at("app/.venv/bin/python"));
});

afterEach(() => rmSync(root, { recursive: true }));

function program(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text, { mode: 0o755 });
}

function hiddenIn(keys: string) {
  const text = `[service.notes]\n${keys}\n`;
  const config = parseConfig(text, { file: at("app/tenement.toml") });
  return { config, hidden: findHiddenPrograms(config, { PATH: "/usr/bin:/bin" }) };
}

const COMMAND = 'command = ".venv/bin/serve"\nisolation = "namespace"';

test.skipIf(process.platform !== "linux")(
  "the interpreter of a virtual environment is named with the paths that show it",
  () => {
    const { config, hidden } = hiddenIn(COMMAND);
    expect(hidden).toMatchObject([{ service: "notes", readPaths: [at("python/3.12")] }]);
    const findings = examinePrograms(config, { PATH: "/usr/bin" });
    expect(findings).toMatchObject([
      { id: "program.notes", state: "missing", remedy: hidden[0]?.failure.hint },
    ]);
    const needs = findUnmetNeeds(config.services.values(), findings);
    expect(needs).toMatchObject([{ service: "notes", need: "command:notes" }]);
  },
);

test("nothing is named where it is shown, without walls, or where the program is not installed", () => {
  for (const keys of [
    `${COMMAND}\nread_paths = ["${root}/python/3.12"]`,
    'command = ".venv/bin/serve"\nisolation = "process"',
    'command = "/srv/ten-no-such-program"\nisolation = "namespace"',
  ])
    expect({ keys, hidden: hiddenIn(keys).hidden }).toEqual({ keys, hidden: [] });
});
