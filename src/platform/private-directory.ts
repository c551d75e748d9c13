// The data directory's modes: no other user may read or lock the server's files, also where the directory was there.
import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";

/** SQLite gives its further files the modes of these. */
const DATABASES = ["tenement.lock", "tenement.db", "logs.db"];
const OWN_NAME = /^(?:tenement\.|logs\.db|api_token$)/;
const OPEN_TO_OTHERS = 0o077;
/** A directory such as /tmp, in which everybody may make files. */
const STICKY = 0o1000;

/**
 * Makes the data directory, or closes one that systemd or an operator has made open to others. One that holds files of
 * others stays open; the server's own files are closed in any case.
 */
export function openPrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const entries = readdirSync(path).map((name) => ({ name, facts: lstatSync(join(path, name)) }));
  const { mode, uid } = lstatSync(join(path, "."));
  const isOpen = (mode & OPEN_TO_OTHERS) !== 0;
  const isOwn = isServers(uid) && (mode & STICKY) === 0 && entries.every(isOwnEntry);
  if (isOpen && isOwn) chmodSync(path, 0o700);
  for (const name of DATABASES) makeFile(join(path, name));
  for (const { name, facts } of entries) {
    const isClosable = facts.isFile() && isServers(facts.uid) && OWN_NAME.test(name);
    if (isClosable && (facts.mode & OPEN_TO_OTHERS) !== 0) chmodSync(join(path, name), 0o600);
  }
}

function isOwnEntry({ name, facts }: { name: string; facts: Stats }): boolean {
  const isClosed = facts.isDirectory() && (facts.mode & OPEN_TO_OTHERS) === 0;
  return isServers(facts.uid) && (isClosed || name.startsWith(".") || OWN_NAME.test(name));
}

/** Before SQLite makes it, which leaves the mode to the process's mask. */
function makeFile(path: string): void {
  closeSync(openSync(path, constants.O_CREAT | constants.O_RDONLY | constants.O_NOFOLLOW, 0o600));
}

function isServers(uid: number): boolean {
  return uid === process.geteuid?.();
}
