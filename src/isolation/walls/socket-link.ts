// The link by which the server reaches a tenant's socket, safe from files that the tenant puts in its place.
import { linkSync, lstatSync, renameSync, rmSync } from "node:fs";

/**
 * Links a socket from a tenant's directory into one of the server's; does nothing for any other file. The tenant may
 * replace the socket by a symbolic link at any time, to the server's own socket for instance. A hard link stays on the
 * file that it was made for, so its type is checked after the link is made.
 */
export function linkSocket(source: string, target: string): void {
  const found = lstatSync(source, { throwIfNoEntry: false });
  if (!found?.isSocket()) return;
  if (lstatSync(target, { throwIfNoEntry: false })?.ino === found.ino) return;
  const draft = `${target}.new`;
  rmSync(draft, { force: true });
  linkSync(source, draft);
  if (lstatSync(draft).isSocket()) renameSync(draft, target);
  else rmSync(draft);
}
