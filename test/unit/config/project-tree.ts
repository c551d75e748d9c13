// A project in memory, for the proposals of `ten init`.
import { dirname, normalize } from "node:path";
import type { Project } from "../../../src/config/projects/project.ts";

/** Text by path. @param installed programs on the PATH */
export function project(
  texts: Readonly<Record<string, string>>,
  directory = "notes",
  installed: readonly string[] = ["python3"],
): Project {
  const paths = new Set(Object.keys(texts).flatMap(withAbove));
  const names = (place: string) =>
    [...paths]
      .filter((path) => dirname(path) === place)
      .map((path) => path.split("/").at(-1) ?? "");
  return {
    directory,
    files: names("."),
    names,
    read: (file) => texts[normalize(file)] ?? null,
    has: (path) => paths.has(normalize(path)),
    activeVenv: null,
    isInstalled: (program) => installed.includes(program),
  };
}

function withAbove(path: string): readonly string[] {
  return path === "." ? [] : [path, ...withAbove(dirname(path))];
}
