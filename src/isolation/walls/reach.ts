// Whether a tenant gets at the files that it needs: checks before a launch, and the hint when a start has failed.
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { FailureError, startFailure } from "../../core/failure.ts";
import { isUnder } from "../../core/paths.ts";
import { isVisible, type View } from "../../core/walls.ts";
import type { Placement } from "../level.ts";
import { refuseHidden } from "../programs/hidden-programs.ts";
import type { Program } from "../programs/program-chain.ts";
import type { ViewPaths } from "./view-paths.ts";

/** Throws a FailureError for a program of the command that the walls hide or the host lacks, with the remedy. */
export function checkVisible(
  { service }: Placement,
  { programs, paths }: { programs: readonly Program[]; paths: ViewPaths },
): void {
  const failure = refuseHidden(service, programs, paths);
  if (failure !== null) throw new FailureError(failure);
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
