// Guards the design of the C programs: what each file says, how large it is, and which files it depends on.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

const LINES_MAX = 300;
const FUNCTION_LINES_MAX = 60;
const COLUMNS_MAX = 120;
/** Folder → the folders whose headers it may include. */
const MAY_INCLUDE: Readonly<Record<string, readonly string[]>> = {
  "native/shared": ["native/shared"],
  "native/launcher": ["native/launcher", "native/shared"],
  "native/guest": ["native/guest", "native/shared"],
  "test/guest": [],
  "test/launcher/attack": ["test/launcher/attack"],
};
/** At the start of a line, where the formatter puts what is not inside a function. */
const PROTOTYPE =
  /^(?!static |typedef )\w[\w *]*?(\w+)\([^;{}]*?\)(?: __attribute__\(\(.*\)\))?;/gm;
const VARIABLE = /^extern [\w *]*?\b(\w+);/gm;

const files = [...new Bun.Glob("{native,test}/**/*.{c,h}").scanSync()].sort();
const texts = new Map<string, string>();
for (const file of files) texts.set(file, await Bun.file(file).text());
const source = (file: string) => texts.get(file) ?? "";

/** A source with its header, named without the extension. */
const unitOf = (file: string) => file.replace(/\.[ch]$/, "");

for (const file of files) {
  describe(file, () => {
    const lines = source(file).trimEnd().split("\n");

    test("says at its top what it owns", () => {
      expect(lines[0]).toMatch(/^\/\/ \S/);
    });

    test("keeps to its size", () => {
      expect(lines.length).toBeLessThanOrEqual(LINES_MAX);
      expect(lines.filter((line) => line.length > COLUMNS_MAX)).toEqual([]);
      expect(longestFunction(lines)).toBeLessThanOrEqual(FUNCTION_LINES_MAX);
    });

    test("includes headers that exist, of folders that it may depend on", () => {
      const included = includesOf(file);
      expect(included.filter((path) => !existsSync(path))).toEqual([]);
      const allowed = MAY_INCLUDE[dirname(file)] ?? [];
      expect(included.filter((path) => !allowed.includes(dirname(path)))).toEqual([]);
    });

    // So the includes show all dependencies.
    test("declares only functions and variables that its own source defines", () => {
      const defined = file.endsWith(".h") ? source(`${unitOf(file)}.c`) : "";
      expect(declaredIn(source(file)).filter((name) => !defines(defined, name))).toEqual([]);
    });
  });
}

test("no two files of C depend on each other, directly or through others", () => {
  const dependencies = new Map<string, string[]>();
  for (const file of files) {
    const others = includesOf(file).map(unitOf);
    const unit = unitOf(file);
    const known = dependencies.get(unit) ?? [];
    dependencies.set(unit, [...known, ...others.filter((other) => other !== unit)]);
  }
  expect(findCycle(dependencies)).toEqual([]);
});

function includesOf(file: string): readonly string[] {
  const names = [...source(file).matchAll(/^#include "(.+)"$/gm)];
  return names.map((match) => join(dirname(file), match[1] ?? ""));
}

function declaredIn(text: string): readonly string[] {
  return [PROTOTYPE, VARIABLE].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1] ?? ""),
  );
}

function defines(text: string, name: string): boolean {
  return new RegExp(`^(?!static |extern )[\\w *]*\\b${name}(?:\\([^;]*?\\) \\{| = )`, "m").test(
    text,
  );
}

/** Only a function ends in a line "}", and in its body all lines but those of the preprocessor are indented. */
function longestFunction(lines: readonly string[]): number {
  let longest = 0;
  for (const [end, line] of lines.entries()) {
    if (line !== "}") continue;
    const start = lines.slice(0, end).findLastIndex((other) => /^\w/.test(other));
    longest = Math.max(longest, end - start + 1);
  }
  return longest;
}

/** The units of one cycle, from one to the same again; empty when there is none. */
function findCycle(dependencies: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const visit = (unit: string, path: readonly string[]): readonly string[] => {
    if (path.includes(unit)) return [...path.slice(path.indexOf(unit)), unit];
    if (done.has(unit)) return [];
    for (const other of dependencies.get(unit) ?? []) {
      const cycle = visit(other, [...path, unit]);
      if (cycle.length > 0) return cycle;
    }
    done.add(unit);
    return [];
  };
  for (const unit of dependencies.keys()) {
    const cycle = visit(unit, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
