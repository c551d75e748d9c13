// A tree of files in memory, for the search for programs.
import { dirname } from "node:path";
import type { Entry, ProgramFiles } from "../../../../src/isolation/programs/program-files.ts";

/** By path: a link after "-> ", a plain file's text after "= ", a program's loader after "elf ", else its text. */
export type Tree = Readonly<Record<string, string>>;

export function filesOf(tree: Tree): ProgramFiles {
  const directories = new Set(Object.keys(tree).flatMap(above));
  return {
    entry: (path) => (directories.has(path) ? { kind: "directory" } : entryOf(tree[path])),
    read: (path) => (tree[follow(path, tree)] ?? "").replace(/^= /, ""),
    loader: (path) => /^elf (.*)/.exec(tree[follow(path, tree)] ?? "")?.[1] ?? null,
    names: (directory) => [
      ...new Set(
        [...Object.keys(tree), ...directories]
          .filter((path) => path !== "/" && dirname(path) === directory)
          .map((path) => path.slice(directory.length + 1)),
      ),
    ],
  };
}

function above(path: string): readonly string[] {
  const directory = dirname(path);
  return directory === path ? [] : [directory, ...above(directory)];
}

function entryOf(text: string | undefined): Entry | null {
  if (text === undefined) return null;
  if (text.startsWith("-> ")) return { kind: "link", target: text.slice(3) };
  return { kind: "file", isExecutable: !text.startsWith("= ") };
}

function follow(path: string, tree: Tree): string {
  return tree[path]?.startsWith("-> /") === true ? tree[path].slice(3) : path;
}
