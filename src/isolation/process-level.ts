// The level "process": hides nothing; the launcher applies limits, finds descendants and reports the exit.
import { lchownSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Gap } from "../core/failure.ts";
import { socketPathOf } from "../core/instance-paths.ts";
import type { LaunchPlan } from "../core/launch-plan.ts";
import type { ChildRef } from "../core/life/instance.ts";
import { isWalledUser } from "../core/user-id-ranges.ts";
import { isRoot } from "../platform/owner.ts";
import type { ControlGroup } from "./cgroup/group.ts";
import { type ControlGroups, refuseLimits } from "./cgroup/groups.ts";
import type { LaunchDirectories } from "./launcher/launcher-directory.ts";
import { followLauncher } from "./launcher/launcher-follower.ts";
import { type Enclosure, hostEndpoints, type Level, type Placement } from "./level.ts";

export interface ProcessParts {
  readonly dataDir: string;
  readonly groups: ControlGroups;
  readonly launches: LaunchDirectories;
  /** Null where this host can't run the launcher. */
  readonly findLauncher: () => string | null;
}

/** The launcher's own process. */
const HELPERS = 1;

export class ProcessLevel implements Level {
  readonly #parts: ProcessParts;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
  }

  enclose(placement: Placement, { instanceDir, socketPath }: LaunchPlan): Enclosure {
    takeBack(instanceDir);
    mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
    // A socket of an earlier launch would keep the application from listening.
    rmSync(socketPath, { force: true });
    const launcher = this.#parts.findLauncher();
    if (launcher !== null) return this.#withLauncher(placement, launcher);
    refuseLimits(placement.service, lacksOf(process.platform));
    return unwalled(placement.port, socketPath);
  }

  recover(placement: Placement, child: ChildRef): Enclosure | null {
    const { dataDir, groups, launches } = this.#parts;
    const socketPath = socketPathOf({ ...placement, dataDir });
    const level = launches.levelOf(placement, child);
    if (level === null) return unwalled(placement.port, socketPath);
    return level === "process" ? this.#behindLauncher(placement, groups.find(placement)) : null;
  }

  #withLauncher(placement: Placement, launcher: string): Enclosure {
    const { groups, launches } = this.#parts;
    const group = groups.open(placement, HELPERS);
    const { statusFile } = launches.make(placement, "process");
    const options = ["--status", statusFile, ...group.launcherOptions];
    return {
      ...this.#behindLauncher(placement, group),
      cgroup: group.birthplace,
      wrap: (argv) => [launcher, ...options, "--", ...argv],
    };
  }

  #behindLauncher(placement: Placement, group: ControlGroup): Enclosure {
    const { dataDir, launches } = this.#parts;
    const { statusFile } = launches.paths(placement);
    const open = unwalled(placement.port, socketPathOf({ ...placement, dataDir }));
    return {
      ...open,
      follow: (child) => followLauncher(child, { statusFile, group }),
      clear() {
        open.clear();
        launches.remove(placement);
      },
    };
  }
}

/** Without a launcher: only the process group and the mark are known. */
function unwalled(port: number, socketPath: string): Enclosure {
  return {
    socketPath,
    endpoints: hostEndpoints(port, socketPath),
    owner: null,
    cgroup: null,
    wrap: (argv) => argv,
    follow: (child) => child,
    exposeSocket: () => undefined,
    clear: () => rmSync(socketPath, { force: true }),
  };
}

function lacksOf(platform: NodeJS.Platform): Gap {
  if (platform !== "linux") return { reason: "limits need Linux", remedy: "run it there" };
  return {
    reason: "the launcher, which applies limits, is missing or can not be run",
    remedy: "build ten with a C compiler, and put data_dir on a file system not mounted noexec",
  };
}

/**
 * Takes the directory back from the user of a walled launch. Later files in it will be the server's, so the next
 * walled launch has to give the directory to its user again.
 */
function takeBack(instanceDir: string): void {
  const { uid } = lstatSync(instanceDir);
  if (isRoot() && isWalledUser(uid)) lchownSync(instanceDir, 0, 0);
}
