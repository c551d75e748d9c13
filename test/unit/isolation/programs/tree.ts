// A tree of files in memory, for the search for programs.
import { dirname } from "node:path";
import type { Entry, ProgramFiles } from "../../../../src/isolation/programs/program-files.ts";

/** By path: the target of a link after "-> ", the text of a plain file after "= ", else that of a program. */
export type Tree = Readonly<Record<string, string>>;

export function filesOf(tree: Tree): ProgramFiles {
  const directories = new Set(Object.keys(tree).flatMap(above));
  return {
    entry: (path) => (directories.has(path) ? { kind: "directory" } : entryOf(tree[path])),
    read: (path) => (tree[follow(path, tree)] ?? "").replace(/^= /, ""),
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
