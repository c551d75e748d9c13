// Guards the design itself: who may import whom, circles, names, sizes, purity.
import { describe, expect, test } from "bun:test";
import { dirname, join, relative } from "node:path";
import { HOUSE, PURE, placeOf, SUBJECT_FOLDERS } from "../scripts/house.ts";

const LINES_MAX = 300;
const FUNCTION_LINES_MAX = 60;
const COLUMNS_MAX = 120;
const FOLDER_FILES_MAX = 30;
/** What would make a rule depend on the moment or the machine. */
const AMBIENT = /\b(Bun|process|Date|Math\.random|performance|setTimeout|await|async)\b/;

const scan = (glob: string) => [...new Bun.Glob(glob).scanSync()].sort();
const files = scan("src/**/*.{ts,tsx}");
const tests = scan("test/**/*.ts");
const scripts = ["scripts", "bench", "examples"].flatMap((folder) => scan(`${folder}/**/*.ts`));
const source = (file: string) => Bun.file(file).text();
const inHouse = (file: string) => relative("src", file);

/** The source files that a file imports, types and lazy imports included. */
async function importsOf(file: string): Promise<readonly string[]> {
  const found = (await source(file)).matchAll(/(?:\bfrom |\bimport\(|^import )"(\.[^"]+)"/gm);
  return [...found]
    .map(([, path = ""]) => join(dirname(file), path))
    .filter((path) => path.startsWith("src/"));
}

const imports = new Map(
  await Promise.all(files.map(async (file) => [file, await importsOf(file)] as const)),
);

for (const file of files) {
  describe(file, () => {
    const place = placeOf(inHouse(file));

    test("has a place in the house", () => {
      expect(place.line).toBeGreaterThanOrEqual(0);
    });

    test("imports only downwards, and only from folders that its own may use", () => {
      const { name = "", imports: allowed = [] } = HOUSE[place.folder] ?? {};
      const wrong = (imports.get(file) ?? []).filter((imported) => {
        const target = placeOf(inHouse(imported));
        if (target.folder === place.folder) return target.line < place.line;
        // The build's own facts lie beside the folders, and stand above none.
        const isBelow = target.folder > place.folder || imported === "src/build-info.ts";
        return !isBelow || !allowed.includes(HOUSE[target.folder]?.name ?? "");
      });
      expect({ name, wrong }).toEqual({ name, wrong: [] });
    });

    test("keeps to its size", async () => {
      const text = await source(file);
      expect(text.split("\n").length - 1).toBeLessThanOrEqual(LINES_MAX);
      expect(longestFunction(text)).toBeLessThanOrEqual(FUNCTION_LINES_MAX);
    });

    test("says at its top what it owns", async () => {
      expect(await source(file)).toMatch(/^\/\/ \S/);
    });

    if (!PURE.some((glob) => new Bun.Glob(glob).match(inHouse(file)))) return;
    test("needs no clock, no machine and no waiting", async () => {
      const code = (await source(file)).replaceAll(
        /\/\/.*|\/\*[\s\S]*?\*\/|"[^"\n]*"|`[^`]*`/g,
        "",
      );
      expect(code).not.toMatch(AMBIENT);
    });
  });
}

test("comments keep to their width", async () => {
  const wide: string[] = [];
  for (const file of [...files, ...tests, ...scripts]) {
    for (const [index, line] of (await source(file)).split("\n").entries()) {
      if (line.length > COLUMNS_MAX && /^\s*(?:\/\/|\/?\*)/.test(line)) {
        wide.push(`${file}:${index + 1}`);
      }
    }
  }
  expect(wide).toEqual([]);
});

test("no file imports itself by way of others", () => {
  expect(findCircles(imports)).toEqual([]);
});

test("a file's name exists once, outside the folders that hold one file a subject", () => {
  const names = files
    .filter((file) => !SUBJECT_FOLDERS.includes(dirname(inHouse(file))))
    .map((file) => file.split("/").at(-1) ?? "");
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("a folder can be read at a glance", () => {
  const folders = Object.entries(Object.groupBy(files, (file) => dirname(file)));
  const wide = folders.filter(([, inside]) => (inside?.length ?? 0) > FOLDER_FILES_MAX);
  expect(wide.map(([folder]) => folder)).toEqual([]);
});

test("every pure file is there", () => {
  const missing = PURE.filter(
    (glob) => !files.some((file) => new Bun.Glob(glob).match(inHouse(file))),
  );
  expect(missing).toEqual([]);
});

test("nothing imports the entry point or the composition root, except serve, lazily", async () => {
  const importers = files.filter((file) =>
    imports.get(file)?.some((path) => /^src\/(?:main|server\/server)\.ts$/.test(path)),
  );
  expect(importers).toEqual(["src/cli/commands/serve.ts"]);
  expect(await source("src/cli/commands/serve.ts")).not.toMatch(/^import \{.*server\/server\.ts"/m);
});

test("no directory is listed recursively, because Bun follows links to directories there", async () => {
  const listings: string[] = [];
  for (const file of files) {
    if (/\breaddir(?:Sync)?\([^;]*\brecursive\b/.test(await source(file))) listings.push(file);
  }
  expect(listings).toEqual([]);
});

test("only one file touches the parser's internal binding", async () => {
  const users: string[] = [];
  for (const file of files) if ((await source(file)).includes("http_parser")) users.push(file);
  expect(users).toEqual(["src/proxy/http/parser.ts"]);
});

describe("these guards", () => {
  test("find a circle, through however many files", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c"]],
      ["c", ["a"]],
      ["d", ["a"]],
    ]);
    expect(findCircles(graph)).toEqual([["a", "b", "c"]]);
  });

  test("put a file into the first line of its folder that matches", () => {
    expect(placeOf("core/life/lifecycle.ts").line).toBe(0);
    expect(placeOf("core/ref.ts").line).toBe(1);
    expect(placeOf("nowhere/at-all.ts").line).toBe(-1);
  });
});

/** Groups of files that import each other, by Tarjan's algorithm for strongly connected components. */
function findCircles(graph: ReadonlyMap<string, readonly string[]>): readonly string[][] {
  const indexes = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string): number => {
    let low = indexes.size;
    indexes.set(node, low);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!indexes.has(next)) low = Math.min(low, visit(next));
      else if (stack.includes(next)) low = Math.min(low, indexes.get(next) ?? low);
    }
    if (low === indexes.get(node)) {
      const circle = stack.splice(stack.indexOf(node));
      if (circle.length > 1) circles.push(circle.sort());
    }
    return low;
  };
  for (const node of graph.keys()) if (!indexes.has(node)) visit(node);
  return circles;
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
