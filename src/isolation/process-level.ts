// The level "process": hides nothing; the launcher applies limits, finds descendants and reports the exit.
import { lchownSync, lstatSync, rmSync } from "node:fs";
import type { Gap } from "../core/failure.ts";
import { markOf } from "../core/instance-paths.ts";
import type { LaunchPlan } from "../core/launch-plan.ts";
import { isWalledUser } from "../core/user-id-ranges.ts";
import { isRoot } from "../platform/owner.ts";
import { ControlGroup } from "./cgroup/group.ts";
import { type ControlGroups, refuseLimits } from "./cgroup/groups.ts";
import type { LaunchDirectories } from "./launcher/launcher-directory.ts";
import { followLauncher } from "./launcher/launcher-follower.ts";
import {
  type Company,
  type Enclosure,
  hostEndpoints,
  type Level,
  levelMissing,
  type Placement,
  type RecordedProcess,
} from "./level.ts";
import { makeSocketPlace } from "./socket-place.ts";

export interface ProcessParts {
  readonly dataDir: string;
  readonly groups: ControlGroups;
  readonly launches: LaunchDirectories;
  /** Null where this host can't run the launcher. */
  readonly findLauncher: () => string | null;
}

/** The launcher's own process. */
const HELPERS = 1;

interface SocketPlacement extends Placement {
  readonly socketPath: string;
}

export class ProcessLevel implements Level {
  readonly #parts: ProcessParts;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
  }

  enclose(placement: Placement, { instanceDir, socketPath }: LaunchPlan): Enclosure {
    takeBack(instanceDir);
    makeSocketPlace(socketPath, { dataDir: this.#parts.dataDir, service: placement.service });
    const launcher = this.#parts.findLauncher();
    const place = { ...placement, socketPath };
    if (launcher !== null) return this.#withLauncher(place, launcher);
    refuseLimits(placement.service, lacksOf(process.platform));
    return this.#withoutLauncher(place);
  }

  accompany(placement: Placement, _: LaunchPlan, { attach, beside }: Company): Enclosure {
    const { findLauncher, groups, launches } = this.#parts;
    const { ref } = placement;
    const launcher = findLauncher();
    if (launcher === null) throw levelMissing(placement.service, lacksOf(process.platform));
    const joined =
      beside === null ? groups.open(placement, HELPERS + 1) : groups.find({ ref, slot: beside });
    const { statusFile } = launches.make(placement, "process");
    const options = [...attach, "--status", statusFile, ...joined.launcherOptions];
    // The application's group stays when the command ends.
    const group = beside === null ? joined : new ControlGroup([]);
    return {
      ...this.#behindLauncher({ ...placement, socketPath: "" }, group),
      cgroup: joined.birthplace,
      wrap: (argv) => [launcher, ...options, "--", ...argv],
      clear: () => launches.remove(placement),
    };
  }

  recover(placement: Placement, { child, socketPath }: RecordedProcess): Enclosure | null {
    const { groups, launches } = this.#parts;
    const level = launches.levelOf(placement, child);
    const place = { ...placement, socketPath };
    if (level === null) return this.#withoutLauncher(place);
    return level === "process" ? this.#behindLauncher(place, groups.find(placement)) : null;
  }

  #withLauncher(placement: SocketPlacement, launcher: string): Enclosure {
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

  #behindLauncher(placement: SocketPlacement, group: ControlGroup): Enclosure {
    const { launches } = this.#parts;
    const { statusFile } = launches.paths(placement);
    const open = this.#withoutLauncher(placement);
    const containment = { kind: "mark", mark: this.#markOf(placement) } as const;
    return {
      ...open,
      mark: null,
      follow: (child) => followLauncher(child, { statusFile, group, containment }),
      clear() {
        open.clear();
        launches.remove(placement);
      },
    };
  }

  /** Only the process group and the mark are known. */
  #withoutLauncher(placement: SocketPlacement): Enclosure {
    const { socketPath } = placement;
    return {
      socketPath,
      isSocketOpen: true,
      endpoints: hostEndpoints(placement.port, socketPath),
      owner: null,
      cgroup: null,
      mark: this.#markOf(placement),
      wrap: (argv) => argv,
      follow: (child) => child,
      exposeSocket: () => undefined,
      explainFailedStart: () => null,
      clear: () => rmSync(socketPath, { force: true }),
    };
  }

  #markOf(placement: Placement): string {
    return markOf({ ...placement, dataDir: this.#parts.dataDir });
  }
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
