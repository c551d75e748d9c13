// What the documents say, against what is there.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { COMMAND_DOCS, renderCommandDocs } from "../scripts/command-docs.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { parseConfig } from "../src/config/config.ts";

const ROOT = join(import.meta.dir, "..");
const DOCUMENTS = ["*.md", "docs/**/*.md", "examples/**/*.md"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(ROOT)])
  .sort();

test("docs/command-line.md is what the help says; bun scripts/command-docs.ts writes it", async () => {
  expect(await Bun.file(join(ROOT, COMMAND_DOCS)).text()).toBe(await renderCommandDocs());
});

describe.each(DOCUMENTS)("%s", (path) => {
  test("links to files that exist", async () => {
    const links = [...(await read(path)).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)];
    const targets = links.map(([, target = ""]) => join(ROOT, dirname(path), target));
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  });

  test("shows only commands that ten has", async () => {
    const known = new Set(COMMANDS.map(({ name }) => name.split(" ")[0]));
    const typed = [...(await read(path)).matchAll(/^\s*\$ ten (\S+)/gm)].map(([, name]) => name);
    expect(typed.filter((name) => !known.has(name))).toEqual([]);
  });

  test("shows configurations that are accepted", async () => {
    const blocks = [...(await read(path)).matchAll(/^```toml\n([\s\S]*?)^```$/gm)];
    const files = blocks.map(([, text = ""]) => text).filter((text) => text.includes("[service."));
    for (const text of files) {
      expect(() => parseConfig(text, { file: `${ROOT}/tenement.toml` })).not.toThrow();
    }
  });
});

function read(path: string): Promise<string> {
  return Bun.file(join(ROOT, path)).text();
}
