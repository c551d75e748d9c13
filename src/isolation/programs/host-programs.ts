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
import type { ProgramFiles } from "./program-files.ts";

/** Of a script's stub, a shim or package.json; a binary is not read further either. */
const READ_BYTES_MAX = 65_536;
const ELF_FIRST_BYTE = 0x7f;

/** @param isForeign whether a tenant may have made the file: its content is not read */
export function hostPrograms(isForeign: (path: string) => boolean = () => false): ProgramFiles {
  return {
    entry(path) {
      return attempt(() => {
        const facts = lstatSync(path);
        if (facts.isSymbolicLink()) return { kind: "link", target: readlinkSync(path) };
        if (facts.isDirectory()) return { kind: "directory" };
        return { kind: "file", isExecutable: facts.isFile() && isExecutable(path) };
      });
    },
    read: (path) => (isForeign(path) ? "" : (attempt(() => readBeginning(path)) ?? "")),
    names: (directory) => attempt(() => readdirSync(directory)) ?? [],
  };
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
    const bytes = new Uint8Array(READ_BYTES_MAX);
    const text = bytes.subarray(0, readSync(file, bytes));
    return text[0] === ELF_FIRST_BYTE ? "" : new TextDecoder().decode(text);
  } finally {
    closeSync(file);
  }
}
