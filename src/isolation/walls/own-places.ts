// An instance's own places in its view: the layer over the working directory, the directories of state_paths.
import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { FailureError, startFailure } from "../../core/failure.ts";
import { LAYER_DIRECTORY, STATE_DIRECTORY } from "../../core/instance-paths.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { isUnder } from "../../core/paths.ts";
import type { Service } from "../../core/service.ts";
import { isVisible, type Walls } from "../../core/walls.ts";
import type { TenantPlaces } from "./tenant-places.ts";
import { makeMountPoint, type ViewPaths } from "./view-paths.ts";

export type OwnPlaces = Pick<Walls, "layerDir" | "states">;

/** Throws START_FAILED where a directory of `state_paths` can have no place. */
export function planOwnPlaces(
  service: Service,
  { instanceDir }: Pick<LaunchPlan, "instanceDir">,
  { paths, places }: { paths: ViewPaths; places: TenantPlaces },
): OwnPlaces {
  const own = realpathSync(instanceDir);
  const isOwn = paths.write.some((path) => isUnder(paths.cwd, path));
  const layerDir = service.workdirWritable && !isOwn ? `${own}/${LAYER_DIRECTORY}` : null;
  const isMadeInside = (path: string) => layerDir !== null && isUnder(path, paths.cwd);
  const states = service.statePaths.map((path) => {
    const inside = resolveMissing(path, places);
    if (!isMadeInside(inside)) needMountPoint(inside, { service, paths, places });
    return { outside: `${own}/${STATE_DIRECTORY}${path}`, inside };
  });
  return { layerDir, states };
}

/** Without links, as far as the host has the path. Throws START_FAILED at a link that a tenant may have made. */
function resolveMissing(path: string, places: TenantPlaces): string {
  let present = path;
  while (!existsSync(present)) present = dirname(present);
  return `${places.resolve(present)}${path.slice(present.length)}`.replace(/^\/\//, "/");
}

/** The launcher makes a directory in the tenant's own root, but none among the host's files. */
function needMountPoint(
  path: string,
  { paths, places, service }: { service: Service; paths: ViewPaths; places: TenantPlaces },
): void {
  makeMountPoint(path, paths, places);
  if (!isVisible(path, paths) || existsSync(path)) return;
  const reason = `${path} of state_paths is not there, and can't be made`;
  throw new FailureError(
    startFailure(reason, `mkdir -p ${path}, or correct state_paths in [service.${service.name}]`),
  );
}
