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
import type { Entry, ProgramFiles } from "./program-files.ts";

/** Of a script's stub, a shim or package.json; a binary is not read further either. */
const READ_BYTES_MAX = 65_536;
const ELF_FIRST_BYTE = 0x7f;
/** Used and decoded within one call. */
const buffer = new Uint8Array(READ_BYTES_MAX);

/**
 * Files as they are during one search, which looks at the same directories again and again.
 * @param isForeign whether a tenant may have made the file: its content is not read
 */
export function hostPrograms(isForeign: (path: string) => boolean = () => false): ProgramFiles {
  /** As many as a search looks at. */
  const entries = new Map<string, Entry | null>();
  return {
    entry(path) {
      const known = entries.get(path);
      if (known !== undefined) return known;
      const found = attempt(() => findEntry(path));
      entries.set(path, found);
      return found;
    },
    read: (path) => (isForeign(path) ? "" : (attempt(() => readBeginning(path)) ?? "")),
    names: (directory) => attempt(() => readdirSync(directory)) ?? [],
  };
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

/** A pipe would keep the reader waiting, so only a regular file is read. */
function readBeginning(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) return "";
    const text = buffer.subarray(0, readSync(file, buffer));
    return text[0] === ELF_FIRST_BYTE ? "" : new TextDecoder().decode(text);
  } finally {
    closeSync(file);
  }
}
