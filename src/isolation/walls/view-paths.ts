// The paths that a walled launch shows: resolved on the host where the operator made them, inside where a tenant did.
import { existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { PRIVATE_TMP } from "../../core/host-paths.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { isUnder } from "../../core/paths.ts";
import type { Service } from "../../core/service.ts";
import { isVisible, readablePaths, type View, type Walls } from "../../core/walls.ts";
import { makeOwnDirectory, makePublicDirectory } from "../../platform/owner.ts";
import type { Program } from "../programs/program-chain.ts";
import type { TenantPlaces } from "./tenant-places.ts";

export type ViewPaths = View & Pick<Walls, "cwd">;

/** The facts of the host and of the server, the same for every service. */
export interface ViewContext {
  readonly dataDir: string;
  readonly places: TenantPlaces;
  /** The directories of software. */
  readonly software: readonly string[];
  /** The server's own files. */
  readonly serverFiles: readonly string[];
  /** Files of the host that the tenant's user could read although they are not for everybody. */
  readonly privateFiles: readonly string[];
}

/**
 * A working directory in a directory that the instance may write keeps its textual path: a link in it is followed
 * inside, where it leads only to files that the instance sees anyhow.
 */
export function planPaths(
  service: Service,
  plan: LaunchPlan & { readonly programs: readonly Program[] },
  context: ViewContext,
): ViewPaths {
  const { readPaths, writePaths } = service;
  const { places } = context;
  const dataDir = realpathSync(context.dataDir);
  const instanceDir = realpathSync(plan.instanceDir);
  const own = [
    { named: plan.instanceDir, path: instanceDir },
    ...outermost(writePaths).map((named) => ({ named, path: places.resolve(named) })),
  ];
  const home = own.find(({ named }) => isUnder(plan.cwd, named));
  const cwd =
    home === undefined ? places.resolve(plan.cwd) : home.path + plan.cwd.slice(home.named.length);
  const isOwn = (path: string) => own.some(({ named }) => isUnder(path, named));
  const shown = readPaths.filter((path) => !isOwn(path)).map((path) => places.resolve(path));
  const write = own.map(({ path }) => path);
  const read = readablePaths({
    cwd,
    dataDir,
    instanceDir,
    readPaths: shown,
  });
  const view = {
    dataDir,
    shown: service.show === "host" ? null : context.software,
    secrets: resolveAll(context.serverFiles).filter((path) => !isUnder(path, dataDir)),
    read: read.filter((path) => !write.some((directory) => isUnder(path, directory))),
    write,
  };
  const programs = plan.programs.flatMap((each) => (each.kind === "found" ? [each.path] : []));
  const named = [plan.cwd, plan.instanceDir, ...programs, ...readPaths, ...writePaths];
  return { cwd, ...withLinks(withoutSecrets(view, context), named, places) };
}

/** Private files that a service does not name itself are secrets as well. */
function withoutSecrets(view: View, { privateFiles }: ViewContext): View {
  const { read, secrets, write } = view;
  const isNamed = (path: string) => [...read, ...write].some((each) => isUnder(path, each));
  return {
    ...view,
    read: read.filter((path) => !secrets.includes(path)),
    secrets: [...secrets, ...privateFiles.filter((path) => !isNamed(path))],
  };
}

/** Adds the links by which the service names its paths, where only listed paths are shown. */
function withLinks(view: View, named: readonly string[], places: TenantPlaces): View {
  if (view.shown === null) return view;
  const links = named.flatMap((path) => places.linksOn(path));
  const isMissing = (path: string) =>
    !isVisible(path, view) && !PRIVATE_TMP.some((directory) => isUnder(path, directory));
  return { ...view, shown: [...view.shown, ...new Set(links.filter(isMissing))] };
}

/** Without links; files that do not exist are left out. */
function resolveAll(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    try {
      return [realpathSync(path)];
    } catch {
      return [];
    }
  });
}

/** Makes those of a service's `write_paths` that are missing. */
export function makeMissing(
  { writePaths }: Service,
  { owner, places }: { owner: number | null; places: TenantPlaces },
): void {
  for (const path of outermost(writePaths)) {
    if (existsSync(path)) continue;
    places.refuseToMake(path);
    // The directories above are open to all users, so that the owner can reach it.
    makePublicDirectory(dirname(path));
    makeOwnDirectory(path, owner);
  }
}

/** Below a hidden directory the launcher makes the mount point itself, and reports a failure anywhere else. */
export function makeMountPoint(path: string, view: View, places: TenantPlaces): void {
  if (!isVisible(path, view) || existsSync(path)) return;
  try {
    places.refuseToMake(path);
    makePublicDirectory(path);
  } catch {
    return;
  }
}

/** A directory in another one is writable with it, and a tenant may have put a link in its place. */
function outermost(paths: readonly string[]): readonly string[] {
  const isInner = (path: string) => paths.some((other) => other !== path && isUnder(path, other));
  return [...new Set(paths)].filter((path) => !isInner(path));
}
