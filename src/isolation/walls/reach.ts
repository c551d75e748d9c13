// Whether what a walled application needs is there for it: its program in view, its directories open to its user.
import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { TenError } from "../../core/errors.ts";
import { isHidden } from "../../core/hidden-paths.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import { installationOf, isVisible, type Walls } from "../../core/walls.ts";
import type { Placement } from "../level.ts";

/** Throws LEVEL_MISSING for a program that the walls hide, with the configuration that shows it. */
export function checkVisible(
  { ref, service }: Placement,
  { program, paths }: { program: string; paths: Pick<Walls, "dataDir" | "read" | "write"> },
): void {
  const hidden = [program, realpathSync(program)].find((path) => !isVisible(path, paths));
  if (hidden === undefined) return;
  throw new TenError(
    "LEVEL_MISSING",
    `Cannot start "${formatRef(ref)}": ${hidden} is hidden behind the walls; ` +
      `add read_paths = ["${installationOf(hidden)}"] to [service.${service.name}]`,
  );
}

/**
 * An application starts in its working directory and has its files in the data directory, as a user of its own.
 * Throws START_FAILED for what is closed to that user.
 */
export function checkReachable(
  ref: InstanceRef,
  { cwd, user, dataDir }: { cwd: string; user: number; dataDir: string },
): void {
  // What lies in the data directory is covered, or its own.
  const isInside = cwd.startsWith(`${dataDir}/`);
  const ways = [...waysTo(dataDir), ...(isInside ? [] : [cwd, ...waysTo(cwd)])];
  const barrier = ways.find((path) => !mayEnter(path, user));
  if (barrier === undefined) return;
  throw new TenError(
    "START_FAILED",
    `Cannot start "${formatRef(ref)}": its user ${user} may not enter ${barrier}; chmod o+x ${barrier}`,
  );
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
