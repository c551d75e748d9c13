// Checks before a walled launch: the program is visible, the directories are open to the instance's user.
import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { FailureError, startFailure } from "../../core/failure.ts";
import { isHidden } from "../../core/hidden-paths.ts";
import { isUnder } from "../../core/paths.ts";
import { installationOf, isVisible } from "../../core/walls.ts";
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
export function checkReachable({ cwd, dataDir, write }: ViewPaths, user: number): void {
  // What is below that directory is the tenant's own affair.
  const entered = write.find((path) => isUnder(cwd, path)) ?? cwd;
  // In the data directory everything is hidden, or belongs to the instance's user.
  const isInside = entered !== dataDir && isUnder(entered, dataDir);
  const ways = [...waysTo(dataDir), ...(isInside ? [] : [entered, ...waysTo(entered)])];
  const barrier = ways.find((path) => !mayEnter(path, user));
  if (barrier === undefined) return;
  const reason = `its user ${user} may not enter ${barrier}`;
  throw new FailureError(startFailure(reason, `chmod o+x ${barrier}`));
}

/** The directories above one, without hidden ones, which the launcher makes anew. */
function waysTo(path: string): readonly string[] {
  const above = dirname(path);
  return above === path || isHidden(above) ? [] : [above, ...waysTo(above)];
}

function mayEnter(path: string, user: number): boolean {
  const { mode, uid } = statSync(path);
  return (mode & (uid === user ? 0o100 : 0o001)) !== 0;
}
