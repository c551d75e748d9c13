// The paths that a walled launch shows: resolved on the host where the operator made them, inside where a tenant did.
import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { isHidden } from "../../core/hidden-paths.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { isUnder } from "../../core/paths.ts";
import type { Service } from "../../core/service.ts";
import { readablePaths, type Walls } from "../../core/walls.ts";
import { makeOwnDirectory, makePublicDirectory } from "../../platform/owner.ts";
import type { TenantPlaces } from "./tenant-places.ts";

export type ViewPaths = Pick<Walls, "cwd" | "dataDir" | "read" | "write">;

/**
 * A working directory in a directory that the instance may write keeps its textual path: a link in it is followed
 * inside, where it leads only to what the instance sees anyhow.
 */
export function planPaths(
  { readPaths, writePaths }: Service,
  {
    plan,
    places,
    dataDir,
  }: {
    plan: Pick<LaunchPlan, "cwd" | "instanceDir">;
    places: TenantPlaces;
    dataDir: string;
  },
): ViewPaths {
  const instanceDir = realpathSync(plan.instanceDir);
  const own = [
    { named: plan.instanceDir, path: instanceDir },
    ...outermost(writePaths).map((named) => ({ named, path: places.resolve(named) })),
  ];
  const home = own.find(({ named }) => isUnder(plan.cwd, named));
  const cwd =
    home === undefined ? places.resolve(plan.cwd) : home.path + plan.cwd.slice(home.named.length);
  const isOwn = (path: string) => own.some(({ named }) => isUnder(path, named));
  const shown = readPaths.filter((path) => !isOwn(path)).map((path) => places.resolve(path));
  const write = own.map(({ path }) => path);
  const read = readablePaths({
    cwd,
    dataDir: realpathSync(dataDir),
    instanceDir,
    readPaths: shown,
  });
  return {
    cwd,
    dataDir: realpathSync(dataDir),
    read: read.filter((path) => !write.some((directory) => isUnder(path, directory))),
    write,
  };
}

/** Makes those of a service's `write_paths` that are missing. */
export function makeMissing(
  { writePaths }: Service,
  { owner, places }: { owner: number | null; places: TenantPlaces },
): void {
  for (const path of outermost(writePaths)) {
    if (existsSync(path)) continue;
    places.refuseToMake(path);
    // The directories above are open to all users, so that the owner can reach it.
    makePublicDirectory(dirname(path));
    makeOwnDirectory(path, owner);
  }
}

/** Below a hidden directory the launcher makes the mount point itself, and reports a failure anywhere else. */
export function makeMountPoint(path: string, places: TenantPlaces): void {
  if (isHidden(path) || existsSync(path)) return;
  try {
    places.refuseToMake(path);
    makePublicDirectory(path);
  } catch {
    return;
  }
}

/** A directory in another one is writable with it, and a tenant may have put a link in its place. */
function outermost(paths: readonly string[]): readonly string[] {
  const isInner = (path: string) => paths.some((other) => other !== path && isUnder(path, other));
  return [...new Set(paths)].filter((path) => !isInner(path));
}
