// Whose files are: given to the user of an instance, which only root can.
import { lchownSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Makes a directory of a user's own; null: of the server's. */
export function makeOwnDirectory(path: string, owner: number | null): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (owner !== null) lchownSync(path, owner, owner);
}

/** Gives a file to a user; null: it stays the server's. */
export function giveFile(path: string, owner: number | null): void {
  if (owner !== null) lchownSync(path, owner, owner);
}

/**
 * Gives a directory with all that is in it to a user, unless the directory is that user's already. Links are not
 * followed.
 * The directory itself comes last, so that what was interrupted is done again.
 */
export function giveTree(path: string, owner: number): void {
  if (lstatSync(path).uid === owner) return;
  for (const entry of readdirSync(path, { recursive: true })) {
    lchownSync(join(path, String(entry)), owner, owner);
  }
  lchownSync(path, owner, owner);
}
