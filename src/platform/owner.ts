// The owners of files: root gives them to the users of instances.
import { lchownSync, mkdirSync } from "node:fs";

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Makes a directory that belongs to a user; null: to the server. */
export function makeOwnDirectory(path: string, owner: number | null): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (owner !== null) lchownSync(path, owner, owner);
}

/**
 * Makes a directory, and those above it, that every user may enter, whatever mask the server was started with. Changing
 * the mode afterwards could follow a link that a tenant has put there meanwhile.
 */
export function makePublicDirectory(path: string): void {
  const mask = process.umask(0o022);
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } finally {
    process.umask(mask);
  }
}

/** Gives a file to a user; null: it stays the server's. */
export function giveFile(path: string, owner: number | null): void {
  if (owner !== null) lchownSync(path, owner, owner);
}
