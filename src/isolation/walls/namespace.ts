// The level "namespace": the walls that the launcher builds, and the server's own files around them.
import { existsSync, realpathSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Endpoint } from "../../core/endpoint.ts";
import { PRIVATE_TMP } from "../../core/host-paths.ts";
import { instanceDirOf, socketPathOf } from "../../core/instance-paths.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { isUnder } from "../../core/paths.ts";
import { type InstanceRef, isSlot, type PlaceRef } from "../../core/ref.ts";
import { networkOf, type Service } from "../../core/service.ts";
import { bindablePorts, renderWalls, type Walls } from "../../core/walls.ts";
import { isRoot, makeOwnDirectory } from "../../platform/owner.ts";
import { ControlGroup } from "../cgroup/group.ts";
import type { ControlGroups } from "../cgroup/groups.ts";
import type { LaunchDirectories, LaunchPaths } from "../launcher/launcher-directory.ts";
import { followLauncher } from "../launcher/launcher-follower.ts";
import {
  type Company,
  type Enclosure,
  hostEndpoints,
  type Level,
  type Placement,
  portsOf,
  type RecordedProcess,
} from "../level.ts";
import { hostPrograms } from "../programs/host-programs.ts";
import { followCommand } from "../programs/program-chain.ts";
import { type AccountFiles, accountOf } from "./account-files.ts";
import { findHostFiles, type HostFiles } from "./host-files.ts";
import { LayerCheck } from "./layer-check.ts";
import { explainMissing } from "./missing-files.ts";
import { type OwnPlaces, planOwnPlaces } from "./own-places.ts";
import { processLimit } from "./process-limit.ts";
import { checkReachable, checkVisible } from "./reach.ts";
import { SocketLink } from "./socket-link.ts";
import { TenantPlaces } from "./tenant-places.ts";
import {
  makeMissing,
  makeMountPoint,
  planPaths,
  type ViewContext,
  type ViewPaths,
} from "./view-paths.ts";
import { checkWalls } from "./wall-check.ts";

export interface NamespaceParts {
  readonly dataDir: string;
  readonly groups: ControlGroups;
  readonly launches: LaunchDirectories;
  /** The instance's own user, where the server is root. */
  readonly userIdOf: (ref: InstanceRef) => number;
  readonly accounts: AccountFiles;
  /** Of all services. */
  readonly writePaths: () => readonly string[];
  /** Whether instances of any service may bind ports of the host that are not their own. */
  readonly sharesPorts: () => boolean;
  /** The server's own files, which no tenant sees. */
  readonly serverFiles: () => readonly string[];
  /** Installs the launcher; null where this build has none. */
  readonly installLauncher: () => string | null;
}

/** The launcher, and the init of the namespaces; in a private network also the forwarder. */
const HELPERS = { host: 2, private: 3 } as const;

export interface Site {
  readonly group: ControlGroup;
  /** Its temporary files and control group are used: its own, or those of the application beside it. */
  readonly host: PlaceRef;
  readonly launcher: string;
  /** The options that have the launcher give and empty directories of the instance. */
  readonly preparing: readonly string[];
  readonly own: OwnPlaces;
  readonly owner: number | null;
  readonly paths: ViewPaths;
  readonly places: TenantPlaces;
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
  #host: HostFiles | null = null;
  readonly #layers = new LayerCheck();

  constructor(parts: NamespaceParts) {
    this.#parts = parts;
  }

  enclose(placement: Placement, plan: LaunchPlan): Enclosure {
    return this.surround(this.prepare(placement, plan), NOTHING_MORE);
  }

  recover(placement: Placement, { child }: RecordedProcess): Enclosure | null {
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

  accompany(placement: Placement, plan: LaunchPlan, { attach, beside }: Company): Enclosure {
    const host = beside === null ? placement : { ref: placement.ref, slot: beside };
    const site = this.prepare(placement, plan, { helpers: 1, host });
    const network = networkOf(placement.service) === "private" ? ["--private-net"] : [];
    return this.surround(site, { ...NOTHING_MORE, options: [...attach, ...network] });
  }

  /**
   * Makes the files that the walls of a launch need; a level on top of them may add its own before they are built.
   * @param helpers processes and threads beside the application's
   */
  prepare(
    placement: Placement,
    plan: LaunchPlan,
    { helpers = 0, host = placement }: { helpers?: number; host?: PlaceRef } = {},
  ): Site {
    const { service } = placement;
    const launcher = this.#findLauncher(service);
    const owner = this.#ownerOf(placement);
    const places = this.#findPlaces();
    makeMissing(service, { owner, places });
    const programs = followCommand(
      plan,
      hostPrograms((path) => places.contains(path)),
    );
    const paths = planPaths(service, { ...plan, programs }, this.#findContext(places));
    checkVisible(placement, { programs, paths });
    if (owner !== null) checkReachable(paths, owner);
    const planned = planOwnPlaces(service, plan, { paths, places });
    // Two overlays with one upper layer would damage it: a command sees the directory as it was made.
    const own = isSlot(placement) ? planned : { ...planned, layerDir: null };
    const { layerDir } = own;
    if (layerDir !== null)
      this.#layers.require(service, { launcher, layerDir, owner, workdir: paths.cwd });
    const { groups, launches } = this.#parts;
    const all = HELPERS[networkOf(service)] + helpers;
    const group = host === placement ? groups.open(placement, all) : groups.find(host);
    const isAlone = launches.isAlone(placement);
    this.#makeDirectory(placement, owner);
    // While another process of the instance runs, it owns the directory, and could move files under the launcher.
    const giving = owner === null || !isAlone ? [] : ["--give", `${plan.instanceDir}:${owner}`];
    const preparing = host !== placement ? giving : [...giving, ...this.#emptying(placement)];
    return { group, host, launcher, own, owner, paths, places, placement, plan, preparing };
  }

  /** The walls of a prepared launch. */
  describe({ host, own, owner, paths, places, placement, plan }: Site): Walls {
    const { entry, statusFile } = this.#parts.launches.paths(placement);
    const { socketsDir, tmpDir } = this.#parts.launches.paths(host);
    const isMounted = this.#socketDir({ ...placement, ...host }) === socketsDir;
    const inside = dirname(plan.socketPath);
    // In a directory of the tenant's the path could lead through a link elsewhere.
    if (isMounted && !paths.write.some((path) => isUnder(inside, path)))
      makeMountPoint(inside, paths, places);
    return {
      ...paths,
      ...own,
      statusFile,
      tmpDir: realpathSync(tmpDir),
      port: placement.port,
      bindable: bindablePorts(placement.service, portsOf(placement)),
      entry: networkOf(placement.service) === "private" && isSlot(placement) ? entry : null,
      identity: owner === null ? { kind: "rootless" } : { kind: "user", id: owner },
      mounts: this.#parts.accounts.mounts(placement.ref, accountOf(owner, plan.instanceDir)),
      socketDir: isMounted ? { outside: realpathSync(socketsDir), inside } : null,
      seccomp: placement.service.seccomp,
      hostname: placement.ref.id,
    };
  }

  /** Those walls, with the openings that a level on top of them needs. */
  surround(site: Site, more: Openings): Enclosure {
    const { group, host, launcher, owner, paths, placement, plan, preparing } = site;
    const walls = this.describe(site);
    const links = [...more.read, ...more.write].flatMap((path) => site.places.linksOn(path));
    const opened = {
      ...walls,
      shown: walls.shown === null ? null : [...walls.shown, ...links],
      read: [...walls.read, ...more.read.map((path) => site.places.resolve(path))],
      write: [...walls.write, ...more.write.map((path) => site.places.resolve(path))],
    };
    const options = [
      ...group.launcherOptions,
      ...preparing,
      ...processLimit(site),
      ...more.options,
    ];
    return {
      // The group of an application stays when a command beside it ends.
      ...this.#enclosure(placement, host === placement ? group : new ControlGroup([]), owner),
      cgroup: group.birthplace,
      explainFailedStart: () => explainMissing(placement.service, plan, paths),
      wrap: (argv) => [launcher, ...options, ...renderWalls(opened, argv)],
    };
  }

  pathsOf(placement: Placement): LaunchPaths {
    return this.#parts.launches.paths(placement);
  }

  /** The launcher's path. Throws LEVEL_MISSING where the host or this build can't provide the level. */
  #findLauncher(service: Service): string {
    this.#launcher ??= checkWalls(service, this.#parts.installLauncher);
    return this.#launcher;
  }

  #findPlaces(): TenantPlaces {
    const { dataDir, writePaths } = this.#parts;
    return new TenantPlaces({ dataDir, writePaths: writePaths() });
  }

  #findContext(places: TenantPlaces): ViewContext {
    const { dataDir, serverFiles } = this.#parts;
    this.#host ??= findHostFiles();
    return { ...this.#host, dataDir, places, serverFiles: serverFiles() };
  }

  #makeDirectory(placement: Placement, owner: number | null): void {
    const paths = this.#parts.launches.make(placement, placement.service.isolation);
    makeOwnDirectory(paths.tmpDir, owner);
    makeOwnDirectory(paths.socketsDir, owner);
    // A socket of an earlier launch would keep the application from listening.
    if (isSlot(placement)) rmSync(this.#socketSource(placement), { force: true });
  }

  /** The directories in a volume stay, since a full one has no room for new ones. */
  #emptying(placement: Placement): readonly string[] {
    const { socketsDir, tmpDir, top } = this.#parts.launches.paths(placement);
    return isUnder(tmpDir, top) ? [] : ["--empty", tmpDir, "--empty", socketsDir];
  }

  /** The directory of the socket, by its path on the host. */
  #socketDir(placement: Placement): string {
    const { dataDir, launches } = this.#parts;
    const { ref, service } = placement;
    const paths = launches.paths(placement);
    const inside = dirname(socketPathOf({ ...placement, dataDir }));
    if ((PRIVATE_TMP as readonly string[]).includes(inside)) return paths.tmpDir;
    if (inside === instanceDirOf({ ref, dataDir })) return paths.dataDir;
    return service.writePaths.includes(inside) ? inside : paths.socketsDir;
  }

  /** The path on the host at which the application makes its socket. */
  #socketSource(placement: Placement): string {
    const path = socketPathOf({ ...placement, dataDir: this.#parts.dataDir });
    return join(this.#socketDir(placement), basename(path));
  }

  #enclosure(placement: Placement, group: ControlGroup, owner: number | null): Enclosure {
    const { launches, sharesPorts } = this.#parts;
    const { entry, socket, statusFile } = launches.paths(placement);
    const isPrivate = networkOf(placement.service) === "private";
    const link = new SocketLink(this.#socketSource(placement), socket);
    return {
      socketPath: socket,
      isSocketOpen: false,
      endpoints: isPrivate
        ? [unixAt(entry), unixAt(socket)]
        : hostEndpoints(placement.port, socket),
      owner,
      cgroup: null,
      mark: null,
      wrap: (argv) => argv,
      follow: (child) =>
        followLauncher(child, {
          statusFile,
          group,
          containment: { kind: "walls", owner, sharesPorts },
        }),
      exposeSocket: () => link.renew(),
      explainFailedStart: () => null,
      clear() {
        link.close();
        launches.remove(placement);
      },
    };
  }
}

function unixAt(path: string): Endpoint {
  return { kind: "unix", path };
}
