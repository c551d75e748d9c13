// Whether a tenant gets at the files that it needs: checks before a launch, and the hint when a start has failed.
import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { FailureError, startFailure } from "../../core/failure.ts";
import { isUnder } from "../../core/paths.ts";
import { installationOf, isVisible, type View } from "../../core/walls.ts";
import type { Placement } from "../level.ts";
import type { ViewPaths } from "./view-paths.ts";

/** Throws LEVEL_MISSING for a program that the walls hide, with the configuration that shows it. */
export function checkVisible(
  { service }: Placement,
  { program, paths }: { program: string; paths: ViewPaths },
): void {
  const hidden = [program, realpathSync(program)].find((path) => !isVisible(path, paths));
  if (hidden === undefined) return;
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `${hidden} is hidden behind the walls`,
    hint: `Add read_paths = ["${installationOf(hidden)}"] to [service.${service.name}]`,
  });
}

/** Throws START_FAILED when the instance's user may not enter the working directory or the data directory. */
export function checkReachable(view: ViewPaths, user: number): void {
  const { cwd, dataDir, write } = view;
  // The files below that directory are the tenant's own affair.
  const entered = write.find((path) => isUnder(cwd, path)) ?? cwd;
  // In the data directory everything is hidden, or belongs to the instance's user.
  const isInside = entered !== dataDir && isUnder(entered, dataDir);
  const ways = [...waysTo(dataDir, view), ...(isInside ? [] : [entered, ...waysTo(entered, view)])];
  const barrier = ways.find((path) => !mayEnter(path, user));
  if (barrier === undefined) return;
  const reason = `its user ${user} may not enter ${barrier}`;
  throw new FailureError(startFailure(reason, `chmod o+x ${barrier}`));
}

/** The directories above one, without hidden ones, which the launcher makes anew. */
function waysTo(path: string, view: View): readonly string[] {
  const above = dirname(path);
  return above === path || !isVisible(above, view) ? [] : [above, ...waysTo(above, view)];
}

function mayEnter(path: string, user: number): boolean {
  const { mode, uid } = statSync(path);
  return (mode & (uid === user ? 0o100 : 0o001)) !== 0;
}
