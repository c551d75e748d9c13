// Whether what a walled application needs is there for it: its program in view, its directories open to its user.
import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { FailureError, startFailure } from "../../core/failure.ts";
import { installationOf, isHidden, isVisible, type Walls } from "../../core/walls.ts";
import type { Placement } from "../level.ts";

/** Throws LEVEL_MISSING for a program that the walls hide, with the configuration that shows it. */
export function checkVisible(
  { service }: Placement,
  { program, paths }: { program: string; paths: Pick<Walls, "dataDir" | "read" | "write"> },
): void {
  const hidden = [program, realpathSync(program)].find((path) => !isVisible(path, paths));
  if (hidden === undefined) return;
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `${hidden} is hidden behind the walls`,
    hint: `Add read_paths = ["${installationOf(hidden)}"] to [service.${service.name}]`,
  });
}

/**
 * An application starts in its working directory and has its files in the data directory, as a user of its own.
 * Throws START_FAILED for what is closed to that user.
 */
export function checkReachable({
  cwd,
  user,
  dataDir,
}: {
  cwd: string;
  user: number;
  dataDir: string;
}): void {
  // What lies in the data directory is covered, or its own.
  const isInside = cwd.startsWith(`${dataDir}/`);
  const ways = [...waysTo(dataDir), ...(isInside ? [] : [cwd, ...waysTo(cwd)])];
  const barrier = ways.find((path) => !mayEnter(path, user));
  if (barrier === undefined) return;
  const reason = `its user ${user} may not enter ${barrier}`;
  throw new FailureError(startFailure(reason, `chmod o+x ${barrier}`));
}

/** The directories above one, but for those that the launcher makes anew since they are hidden. */
function waysTo(path: string): readonly string[] {
  const above = dirname(path);
  return above === path || isHidden(above) ? [] : [above, ...waysTo(above)];
}

function mayEnter(path: string, user: number): boolean {
  const { mode, uid } = statSync(path);
  return (mode & (uid === user ? 0o100 : 0o001)) !== 0;
}
