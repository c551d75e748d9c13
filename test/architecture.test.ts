// Guards the design itself: who may import whom, how large files and functions are, and the map in the documentation.
import { describe, expect, test } from "bun:test";

/** Folder → the folders it may import from, beside itself. Imports point upwards only. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ["core"],
  platform: ["core"],
  isolation: ["core", "platform"],
  store: ["core"],
  telemetry: ["core", "platform", "store"],
  supervisor: ["core", "platform", "isolation", "store", "telemetry"],
  proxy: ["core", "platform", "supervisor", "telemetry"],
  control: ["core", "platform", "supervisor", "store", "telemetry"],
  doctor: ["core", "platform", "isolation"],
  cli: ["core", "config", "platform", "store", "control", "doctor"],
};
const LINES_MAX = 300;
const FUNCTION_LINES_MAX = 60;
/** What would make a rule depend on the moment or the machine. */
const AMBIENT = /\b(Bun|process|Date|Math\.random|performance|setTimeout|await|async)\b/;

const files = [...new Bun.Glob("src/**/*.ts").scanSync()].sort();
const source = (file: string) => Bun.file(file).text();

for (const file of files) {
  describe(file, () => {
    const [, folder = ""] = file.split("/");

    test("keeps to its layer", async () => {
      const imported = [...(await source(file)).matchAll(/from "(?:\.\.\/)+(\w+)\//g)];
      const allowed = [folder, ...(MAY_IMPORT[folder] ?? Object.keys(MAY_IMPORT))];
      expect(
        imported.map((match) => match[1] ?? "").filter((name) => !allowed.includes(name)),
      ).toEqual([]);
    });

    test("keeps to its size", async () => {
      const text = await source(file);
      expect(text.split("\n").length - 1).toBeLessThanOrEqual(LINES_MAX);
      expect(longestFunction(text)).toBeLessThanOrEqual(FUNCTION_LINES_MAX);
    });

    test("says at its top what it owns", async () => {
      expect(await source(file)).toMatch(/^\/\/ \S/);
    });

    if (folder !== "core") return;
    test("needs no clock, no machine and no waiting", async () => {
      const code = (await source(file)).replaceAll(
        /\/\/.*|\/\*[\s\S]*?\*\/|"[^"\n]*"|`[^`]*`/g,
        "",
      );
      expect(code).not.toMatch(AMBIENT);
    });
  });
}

test("nothing imports the entry point or the composition root, except serve, lazily", async () => {
  const importers: string[] = [];
  for (const file of files) {
    if (/(?:from |import\()"[./]+(?:main|daemon)\.ts"/.test(await source(file)))
      importers.push(file);
  }
  expect(importers).toEqual(["src/cli/serve.ts"]);
  expect(await source("src/cli/serve.ts")).not.toMatch(/^import \{.*daemon\.ts"/m);
});

test("only one file touches the parser's internal binding", async () => {
  const users: string[] = [];
  for (const file of files) if ((await source(file)).includes("http_parser")) users.push(file);
  expect(users).toEqual(["src/proxy/parser.ts"]);
});

test("the map in the documentation names every source file, and none that is not there", async () => {
  const map =
    (await Bun.file("docs/architecture.md").text()).split("## Tree")[1]?.split("\n## ")[0] ?? "";
  expect(namedFiles(map)).toEqual(files);
});

/** The paths in an indented listing: a folder's line ends in "/", its files are indented below it. */
function namedFiles(map: string): string[] {
  let folder = "";
  const named: string[] = [];
  for (const line of map.split("\n")) {
    const entry = /^( {2,4})([a-z-]+(?:\.ts|\/))/.exec(line);
    if (entry === null) continue;
    const [, indent = "", name = ""] = entry;
    if (name.endsWith("/")) folder = name;
    else named.push(`src/${indent.length === 4 ? folder : ""}${name}`);
  }
  return named.sort();
}

/** Lines of the longest function or method, told by indentation, which the formatter guarantees. */
function longestFunction(text: string): number {
  const lines = text.split("\n");
  let longest = 0;
  for (const [start, line] of lines.entries()) {
    const opening = /^( *)(?:export )?(?:(?:async |static |get |set )*[#\w]+\(|.*function )/.exec(
      line,
    );
    if (opening === null || !line.endsWith("{")) continue;
    const end = lines.findIndex((other, at) => at > start && other.startsWith(`${opening[1]}}`));
    longest = Math.max(longest, end - start + 1);
  }
  return longest;
}
