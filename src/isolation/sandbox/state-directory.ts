// Makes a directory of `state_paths` for a sandbox, whose mounts would follow a link of the tenant's on the way to it.
import { chownSync, lstatSync, mkdirSync, realpathSync } from "node:fs";
import { FailureError, startFailure } from "../../core/failure.ts";
import type { Site } from "../walls/namespace.ts";

/**
 * No process of the instance runs meanwhile: a sandbox is never started beside another one. Throws START_FAILED where
 * the tenant has put something else on the way.
 */
export function makeStateDirectory(path: string, { owner, plan }: Site): void {
  let directory = realpathSync(plan.instanceDir);
  for (const name of path.slice(directory.length + 1).split("/")) {
    directory = `${directory}/${name}`;
    const found = lstatSync(directory, { throwIfNoEntry: false });
    if (found === undefined) {
      mkdirSync(directory, { mode: 0o755 });
      if (owner !== null) chownSync(directory, owner, owner);
    } else if (!found.isDirectory()) {
      const reason = `${directory} is no directory, but state_paths needs one there`;
      throw new FailureError(startFailure(reason, `Move it out of ${plan.instanceDir}`));
    }
  }
}
