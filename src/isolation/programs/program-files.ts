// The host's files as the search for programs reads them, and paths followed through symbolic links.
import { dirname } from "node:path";

/** A file, directory or link, by the path itself: links are not followed. */
export type Entry =
  | { readonly kind: "file"; readonly isExecutable: boolean }
  | { readonly kind: "directory" }
  | { readonly kind: "link"; readonly target: string };

export interface ProgramFiles {
  /** Null: nothing is there. */
  entry(path: string): Entry | null;
  /** The beginning of a file as text; empty when it can't be read. */
  read(path: string): string;
  /** The loader of a dynamically linked program; null: the file names none. */
  loader(path: string): string | null;
  /** The names in a directory; none when it can't be read. */
  names(directory: string): readonly string[];
}

export interface Walked {
  /** The path without links; null: nothing is there. */
  readonly real: string | null;
  /** The links on the way, by their own paths without links. */
  readonly links: readonly string[];
}

/** As in the kernel: a longer chain is a circle. */
const LINKS_MAX = 40;

/** Follows an absolute path as the kernel does. */
export function walk(path: string, files: ProgramFiles): Walked {
  const steps = stepsOf(path);
  const links: string[] = [];
  let real = "/";
  for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
    const next = step === ".." ? dirname(real) : `${real === "/" ? "" : real}/${step}`;
    const entry = files.entry(next);
    if (entry === null) return { real: null, links };
    if (entry.kind !== "link") {
      real = next;
      continue;
    }
    links.push(next);
    if (links.length > LINKS_MAX) return { real: null, links };
    steps.unshift(...stepsOf(entry.target));
    if (entry.target.startsWith("/")) real = "/";
  }
  return { real, links };
}

function stepsOf(path: string): string[] {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}

/** Whether a path leads to a file that may be executed. */
export function isProgram(path: string, files: ProgramFiles): boolean {
  const { real } = walk(path, files);
  const entry = real === null ? null : files.entry(real);
  return entry?.kind === "file" && entry.isExecutable;
}

export function exists(path: string, files: ProgramFiles): boolean {
  return walk(path, files).real !== null;
}

/** A directory and those above it, the nearest first. */
export function upwards(directory: string): readonly string[] {
  const above = dirname(directory);
  return above === directory ? [directory] : [directory, ...upwards(above)];
}
