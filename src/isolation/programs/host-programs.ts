// The files of this host, for the search for programs.
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { isElf, loaderIn } from "./elf.ts";
import type { Entry, ProgramFiles } from "./program-files.ts";

/** Holds the header of a binary, the first line of a script and most shims. */
const HEAD_BYTES = 4096;
/** Of a package.json or a list of versions. */
const READ_BYTES_MAX = 65_536;
/** Its content is decoded before the next file is read. */
const buffer = new Uint8Array(READ_BYTES_MAX);

/**
 * Files as they are during one search, which looks at the same directories again and again.
 * @param isForeign whether a tenant may have made the file: its content is not read
 */
export function hostPrograms(isForeign: (path: string) => boolean): ProgramFiles {
  /** As many as a search looks at. */
  const entries = new Map<string, Entry | null>();
  const contents = new Map<string, Content>();
  const contentOf = (path: string) =>
    isForeign(path) ? NO_CONTENT : (attempt(() => readContent(path)) ?? NO_CONTENT);
  return {
    entry: (path) => remember(entries, path, () => attempt(() => findEntry(path))),
    read: (path) => remember(contents, path, () => contentOf(path)).text,
    loader: (path) => remember(contents, path, () => contentOf(path)).loader,
    names: (directory) => attempt(() => readdirSync(directory)) ?? [],
  };
}

function remember<T>(known: Map<string, T>, path: string, find: () => T): T {
  const before = known.get(path);
  if (before !== undefined) return before;
  const found = find();
  known.set(path, found);
  return found;
}

function findEntry(path: string): Entry | null {
  // Most lookups on a PATH find nothing, and an exception would cost more than the lookup.
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return null;
  if (facts.isSymbolicLink()) return { kind: "link", target: readlinkSync(path) };
  if (facts.isDirectory()) return { kind: "directory" };
  return { kind: "file", isExecutable: facts.isFile() && isExecutable(path) };
}

function attempt<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Content {
  readonly text: string;
  readonly loader: string | null;
}

const NO_CONTENT: Content = { text: "", loader: null };

/** A pipe would keep the reader waiting, so only a regular file is read. */
function readContent(path: string): Content {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) return NO_CONTENT;
    const head = buffer.subarray(0, readSync(file, buffer, 0, HEAD_BYTES, 0));
    if (isElf(head)) return { text: "", loader: loaderIn(head) };
    const end = head.length < HEAD_BYTES ? head.length : HEAD_BYTES + readRest(file);
    return { text: new TextDecoder().decode(buffer.subarray(0, end)), loader: null };
  } finally {
    closeSync(file);
  }
}

function readRest(file: number): number {
  return readSync(file, buffer, HEAD_BYTES, READ_BYTES_MAX - HEAD_BYTES, HEAD_BYTES);
}
