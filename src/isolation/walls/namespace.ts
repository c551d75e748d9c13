// The level "namespace": the walls that the launcher builds, and the server's own files around them.
import { existsSync, realpathSync, rmSync } from "node:fs";
import { release } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Endpoint } from "../../core/endpoint.ts";
import { isHidden, PRIVATE_TMP } from "../../core/hidden-paths.ts";
import { socketPathOf } from "../../core/instance-paths.ts";
import { isKernelAtLeast, PROCESSES_PER_NAMESPACE } from "../../core/kernel-release.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import type { ChildRef } from "../../core/life/instance.ts";
import { isUnder } from "../../core/paths.ts";
import type { InstanceRef } from "../../core/ref.ts";
import { networkOf, PIDS_LIMIT_DEFAULT, type Service } from "../../core/service.ts";
import { readablePaths, renderWalls, type Walls } from "../../core/walls.ts";
import { giveTree, isRoot, makeOwnDirectory, makePublicDirectory } from "../../platform/owner.ts";
import type { ControlGroup } from "../cgroup/group.ts";
import type { ControlGroups } from "../cgroup/groups.ts";
import type { LaunchDirectories, LaunchPaths } from "../launcher/launcher-directory.ts";
import { followLauncher } from "../launcher/launcher-follower.ts";
import { type Enclosure, hostEndpoints, type Level, type Placement } from "../level.ts";
import { checkReachable, checkVisible } from "./reach.ts";
import { linkSocket } from "./socket-link.ts";
import { checkWalls } from "./wall-check.ts";

export interface NamespaceParts {
  readonly dataDir: string;
  readonly groups: ControlGroups;
  readonly launches: LaunchDirectories;
  /** The instance's own user, where the server is root. */
  readonly userIdOf: (ref: InstanceRef) => number;
  /** Installs the launcher; null where this build has none. */
  readonly installLauncher: () => string | null;
}

/** The launcher, and the init of the namespaces; in a private network also the forwarder. */
const HELPERS = { host: 2, private: 3 } as const;

type Paths = Pick<Walls, "dataDir" | "read" | "write">;

/** A prepared launch, before its walls are built. */
export interface Site {
  readonly group: ControlGroup;
  readonly launcher: string;
  readonly owner: number | null;
  readonly paths: Paths;
  readonly placement: Placement;
  readonly plan: LaunchPlan;
}

/** Further paths and launcher options that a level on top of the walls needs. */
export interface Openings {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly options: readonly string[];
}

export const NOTHING_MORE: Openings = { read: [], write: [], options: [] };

export class NamespaceLevel implements Level {
  readonly #parts: NamespaceParts;
  #launcher: string | null = null;

  constructor(parts: NamespaceParts) {
    this.#parts = parts;
  }

  enclose(placement: Placement, plan: LaunchPlan): Enclosure {
    return this.surround(this.prepare(placement, plan), NOTHING_MORE);
  }

  recover(placement: Placement, child: ChildRef): Enclosure | null {
    const { groups, launches } = this.#parts;
    if (launches.levelOf(placement, child) !== placement.service.isolation) return null;
    const network = existsSync(launches.paths(placement).entry) ? "private" : "host";
    if (network !== networkOf(placement.service)) return null;
    return this.#enclosure(placement, groups.find(placement), this.#ownerOf(placement));
  }

  /** The instance's own user; null: the server is none that could give it one. */
  #ownerOf({ ref }: Placement): number | null {
    return isRoot() ? this.#parts.userIdOf(ref) : null;
  }

  /**
   * Makes the files that the walls of a launch need; a level on top of them may add its own before the walls are
   * built.
   * @param helpers processes and threads beside the application's
   */
  prepare(placement: Placement, plan: LaunchPlan, helpers = 0): Site {
    const { service } = placement;
    const launcher = this.#findLauncher(service);
    const owner = this.#ownerOf(placement);
    for (const path of service.writePaths) makeMissing(path, owner);
    const paths = this.#viewOf(placement, plan);
    checkVisible(placement, { program: plan.argv[0] ?? "", paths });
    const { dataDir } = paths;
    if (owner !== null) checkReachable({ cwd: realpathSync(plan.cwd), user: owner, dataDir });
    const group = this.#parts.groups.open(placement, HELPERS[networkOf(service)] + helpers);
    this.#makeDirectory(placement, { plan, owner });
    return { group, launcher, owner, paths, placement, plan };
  }

  /** The walls of a prepared launch. */
  describe({ owner, paths, placement, plan }: Site): Walls {
    const { entry, statusFile, socketsDir, tmpDir } = this.#parts.launches.paths(placement);
    const isMounted = this.#socketDir(placement) === socketsDir;
    const inside = dirname(plan.socketPath);
    // In a directory of the tenant's the path could lead through a link elsewhere.
    if (isMounted && !paths.write.some((path) => isUnder(inside, path))) makeMountPoint(inside);
    return {
      ...paths,
      statusFile,
      tmpDir,
      port: placement.port,
      entry: networkOf(placement.service) === "private" ? entry : null,
      identity: owner === null ? { kind: "rootless" } : { kind: "user", id: owner },
      socketDir: isMounted ? { outside: socketsDir, inside } : null,
      seccomp: placement.service.seccomp,
      hostname: placement.ref.id,
      cwd: realpathSync(plan.cwd),
    };
  }

  /** Those walls, with the openings that a level on top of them needs. */
  surround(site: Site, more: Openings): Enclosure {
    const { group, launcher, owner, placement } = site;
    const walls = this.describe(site);
    const opened = {
      ...walls,
      read: [...walls.read, ...more.read],
      write: [...walls.write, ...more.write],
    };
    const options = [...group.launcherOptions, ...processLimit(site), ...more.options];
    return {
      ...this.#enclosure(placement, group, owner),
      cgroup: group.birthplace,
      wrap: (argv) => [launcher, ...options, ...renderWalls(opened, argv)],
    };
  }

  /** Paths of a launch's files, which belong to the server. */
  pathsOf(placement: Placement): LaunchPaths {
    return this.#parts.launches.paths(placement);
  }

  /** The launcher's path. Throws LEVEL_MISSING where the host or this build can't provide the level. */
  #findLauncher(service: Service): string {
    this.#launcher ??= checkWalls(service, this.#parts.installLauncher);
    return this.#launcher;
  }

  #viewOf({ service }: Placement, { cwd, instanceDir }: LaunchPlan): Paths {
    const dataDir = realpathSync(this.#parts.dataDir);
    const places = { cwd: realpathSync(cwd), dataDir, instanceDir: realpathSync(instanceDir) };
    const readPaths = service.readPaths.map((path) => realpathSync(path));
    const write = [places.instanceDir, ...service.writePaths.map((path) => realpathSync(path))];
    return { dataDir, read: readablePaths({ ...places, readPaths }), write };
  }

  #makeDirectory(
    placement: Placement,
    { plan, owner }: { plan: LaunchPlan; owner: number | null },
  ): void {
    const paths = this.#parts.launches.make(placement, placement.service.isolation);
    makeOwnDirectory(paths.tmpDir, owner);
    makeOwnDirectory(paths.socketsDir, owner);
    // A socket of an earlier launch would keep the application from listening.
    rmSync(this.#socketSource(placement), { force: true });
    if (owner !== null) giveTree(plan.instanceDir, owner);
  }

  /** The directory of the socket, by its path on the host. */
  #socketDir(placement: Placement): string {
    const { dataDir, launches } = this.#parts;
    const { ref, service } = placement;
    const { socketsDir, tmpDir } = launches.paths(placement);
    const inside = dirname(socketPathOf({ ...placement, dataDir }));
    if ((PRIVATE_TMP as readonly string[]).includes(inside)) return tmpDir;
    const writable = [`${dataDir}/${ref.service}/${ref.id}`, ...service.writePaths];
    return writable.includes(inside) ? inside : socketsDir;
  }

  /** The path on the host at which the application makes its socket. */
  #socketSource(placement: Placement): string {
    const path = socketPathOf({ ...placement, dataDir: this.#parts.dataDir });
    return join(this.#socketDir(placement), basename(path));
  }

  #enclosure(placement: Placement, group: ControlGroup, owner: number | null): Enclosure {
    const { launches } = this.#parts;
    const { entry, socket, statusFile } = launches.paths(placement);
    const isPrivate = networkOf(placement.service) === "private";
    const source = this.#socketSource(placement);
    return {
      socketPath: socket,
      endpoints: isPrivate
        ? [unixAt(entry), unixAt(socket)]
        : hostEndpoints(placement.port, socket),
      owner,
      cgroup: null,
      mark: null,
      wrap: (argv) => argv,
      follow: (child) =>
        followLauncher(child, { statusFile, group, containment: { kind: "walls", owner } }),
      exposeSocket: () => linkSocket(source, socket),
      clear: () => launches.remove(placement),
    };
  }
}

/** Below a hidden directory the launcher makes the mount point itself, and reports a failure anywhere else. */
function makeMountPoint(path: string): void {
  if (isHidden(path) || existsSync(path)) return;
  try {
    makePublicDirectory(path);
  } catch {
    return;
  }
}

function makeMissing(path: string, owner: number | null): void {
  if (existsSync(path)) return;
  // The directories above are open to all users, so that the owner can reach it.
  makePublicDirectory(dirname(path));
  makeOwnDirectory(path, owner);
}

function unixAt(path: string): Endpoint {
  return { kind: "unix", path };
}

/** Whether the kernel counts the processes in a rootless tenant's user namespace apart from all others of the user. */
export function limitsByNamespace(): boolean {
  return isKernelAtLeast(release(), PROCESSES_PER_NAMESPACE);
}

/**
 * The default limit of processes, by the instance's own user or user namespace: unlike a control group of version 1, it
 * costs nothing.
 */
function processLimit({ owner, placement }: Site): readonly string[] {
  if (placement.service.pidsLimit !== null) return [];
  if (owner === null && !limitsByNamespace()) return [];
  return ["--processes", String(PIDS_LIMIT_DEFAULT)];
}
