// Makes a sandbox's view: lists the host's directories, makes mount points and links.
import { existsSync, lstatSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { FailureError } from "../../core/failure.ts";
import { HIDDEN } from "../../core/host-paths.ts";
import type { View as HostView } from "../../core/walls.ts";
import { makePublicDirectory } from "../../platform/owner.ts";
import { listHost } from "../walls/host-listing.ts";
import type { SystemListing, View } from "./sandbox-view.ts";

export function listSystem({ shown }: Pick<HostView, "shown">): SystemListing {
  const isDirectory = (path: string) =>
    lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const nested = HIDDEN.filter((path) => dirname(path) !== "/" && isDirectory(path));
  return { ...listHost(shown, isShowable), hidden: shown === null ? nested : ["/var/tmp"] };
}

/** False for a directory that is empty, or that this user may not open. */
function isShowable(path: string): boolean {
  try {
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}

/** Throws LEVEL_MISSING where something is to be mounted on a path that the host lacks. */
export function makeView({ assumed, links, points }: View): void {
  for (const { like, path } of points) makePoint(path, like);
  for (const [path, target] of Object.entries(links)) makeLink(path, target);
  const absent = assumed.find((path) => !existsSync(path));
  if (absent === undefined) return;
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `${absent} does not exist, and a sandbox makes nothing there`,
    hint: "Make that directory, or name one below /tmp",
  });
}

function makeLink(path: string, target: string): void {
  makePublicDirectory(dirname(path));
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) symlinkSync(target, path);
}

function makePoint(path: string, like: string | null): void {
  const isFile = like !== null && !statSync(like).isDirectory();
  makePublicDirectory(isFile ? dirname(path) : path);
  if (isFile && !existsSync(path)) writeFileSync(path, "");
}
