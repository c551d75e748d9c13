// The level "sandbox": the application runs on gVisor, a kernel of its own in user space, which sees what walls would
// show.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { FailureError } from "../../core/failure.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import type { ChildRef } from "../../core/life/instance.ts";
import { type Network, networkOf, PIDS_LIMIT_DEFAULT, type Service } from "../../core/service.ts";
import { HIDDEN, isUnder, type Walls } from "../../core/walls.ts";
import { isRoot, makeOwnDirectory } from "../../platform/owner.ts";
import type { LaunchPaths } from "../launcher/launcher-directory.ts";
import { type Enclosure, type Level, levelMissing, type Placement } from "../level.ts";
import { linkSocket, type NamespaceLevel, NOTHING_MORE, type Site } from "../walls/namespace.ts";
import { type Bundle, type RunscPlace, renderBundle, renderRun, renderSignal } from "./bundle.ts";
import { findRunsc, type Runsc, runscGap } from "./runsc.ts";
import { followSandbox } from "./sandbox-follower.ts";
import { planView, type SystemListing, type View } from "./sandbox-view.ts";

/** gVisor's own threads: some 60 at rest, more with its load. */
const THREADS = 128;
/** Inside, beside what the host has: the launcher as the first process, and the way in. */
const INIT = "/.ten/init";
const WAY_IN = "/.ten/way-in";

interface SandboxFiles {
  readonly bundleDir: string;
  readonly stateDir: string;
  readonly logFile: string;
  readonly viewDir: string;
  /** Where the server reaches the way in, once it has seen that it is a socket. */
  readonly entry: string;
  /** The tenant's; in it the socket by which its port is reached. */
  readonly wayInDir: string;
}

export class SandboxLevel implements Level {
  /** Knows what is visible, and makes the launch's directory; its walls are not built. */
  readonly #walls: NamespaceLevel;
  readonly #find: typeof findRunsc;
  #runsc: Runsc | null = null;

  constructor(walls: NamespaceLevel, find: typeof findRunsc = findRunsc) {
    this.#walls = walls;
    this.#find = find;
  }

  enclose(placement: Placement, plan: LaunchPlan): Enclosure {
    const { service } = placement;
    const runsc = this.#require(service);
    const site = this.#walls.prepare(placement, plan, helpersOf(service));
    const walls = this.#walls.describe(site);
    checkSocketPath(placement, walls);
    const files = filesIn(this.#walls.pathsOf(placement));
    const view = planView({
      ...walls,
      system: listSystem(),
      scratch: files.viewDir,
      extras: [
        { source: site.launcher, inside: INIT, access: "read" },
        { source: files.wayInDir, inside: WAY_IN, access: "write" },
      ],
    });
    makeOwnDirectory(files.wayInDir, site.owner);
    makeView(view);
    for (const path of [files.bundleDir, files.stateDir]) mkdirSync(path, { mode: 0o700 });
    const network = networkOf(service);
    return {
      ...this.#sandboxOf(this.#walls.surround(site, NOTHING_MORE), files),
      wrap(argv) {
        const bundle = bundleOf(site, { argv, network, view, walls });
        writeFileSync(`${files.bundleDir}/config.json`, renderBundle(bundle), { mode: 0o600 });
        const run = renderRun(placeOf(runsc, files), { bundleDir: files.bundleDir, network });
        const options = ["--status", walls.statusFile, ...site.group.launcherOptions];
        // The application's environment is not that of gVisor, but for the mark that it is found by.
        const clean = ["/usr/bin/env", "-i", `TENEMENT_MARK=${plan.mark}`];
        return [site.launcher, ...options, "--", ...clean, ...run];
      },
    };
  }

  recover(placement: Placement, child: ChildRef): Enclosure | null {
    const walled = this.#walls.recover(placement, child);
    if (walled === null) return null;
    return this.#sandboxOf(walled, filesIn(this.#walls.pathsOf(placement)));
  }

  /** A launch behind walls as one in a sandbox. */
  #sandboxOf(walled: Enclosure, files: SandboxFiles): Enclosure {
    const { entry, logFile, wayInDir } = files;
    return {
      ...walled,
      follow: (child) =>
        followSandbox(walled.follow(child), {
          logFile,
          renderSignal: (signal) => this.#renderSignal(files, signal),
        }),
      exposeSocket() {
        linkSocket(`${wayInDir}/socket`, entry);
        walled.exposeSocket();
      },
    };
  }

  /** Null: `runsc` has been taken from the host since. */
  #renderSignal(files: SandboxFiles, signal: string): readonly string[] | null {
    if (this.#runsc === null) {
      const found = this.#find();
      if (found.kind === "ready") this.#runsc = found.runsc;
    }
    return this.#runsc === null ? null : renderSignal(placeOf(this.#runsc, files), signal);
  }

  /** Throws LEVEL_MISSING with what this host lacks, and how to come by it. */
  #require(service: Service): Runsc {
    if (this.#runsc !== null) return this.#runsc;
    const found = this.#find();
    if (found.kind === "ready") this.#runsc = found.runsc;
    if (found.kind === "ready") return found.runsc;
    throw levelMissing(service, runscGap(found));
  }
}

function filesIn({ entry, top }: LaunchPaths): SandboxFiles {
  return {
    entry,
    bundleDir: `${top}/bundle`,
    stateDir: `${top}/state`,
    logFile: `${top}/runsc.log`,
    viewDir: `${top}/view`,
    wayInDir: `${top}/way-in`,
  };
}

function placeOf({ hasGoferNetwork, program }: Runsc, files: SandboxFiles): RunscPlace {
  return { ...files, hasGoferNetwork, program, isRootless: !isRoot() };
}

interface Contents {
  readonly argv: readonly string[];
  readonly network: Network;
  readonly view: View;
  readonly walls: Walls;
}

function bundleOf(
  { owner, placement, plan }: Site,
  { argv, network, view, walls }: Contents,
): Bundle {
  const wayIn = network === "private" ? ["--forward", `${WAY_IN}/socket:${placement.port}`] : [];
  return {
    root: view.root,
    mounts: view.mounts,
    argv: [INIT, ...wayIn, "--", ...argv],
    env: plan.env,
    cwd: walls.cwd,
    hostname: walls.hostname,
    network,
    userId: owner ?? 0,
  };
}

/** Of gVisor itself, and a second one on the host for each process inside. */
function helpersOf({ pidsLimit }: Service): number {
  return THREADS + (pidsLimit ?? PIDS_LIMIT_DEFAULT);
}

/** Mounting into what the tenant can change would follow the links in it. */
function checkSocketPath({ service }: Placement, { socketDir, write }: Walls): void {
  if (socketDir === null || !write.some((path) => isUnder(socketDir.inside, path))) return;
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `its socket lies in ${socketDir.inside}, deep in a directory that it may write`,
    hint: `Set socket in [service.${service.name}] to a path below /tmp`,
  });
}

/** Those that are empty, or that an ordinary user may not open, are left out. */
function listSystem(): SystemListing {
  const entries = readdirSync("/", { withFileTypes: true });
  const isDirectory = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.isDirectory();
  return {
    directories: entries
      .filter((entry) => entry.isDirectory() && isShowable(`/${entry.name}`))
      .map(({ name }) => name),
    links: Object.fromEntries(
      entries
        .filter((entry) => entry.isSymbolicLink())
        .map(({ name }) => [name, readlinkSync(`/${name}`)]),
    ),
    hidden: HIDDEN.filter((path) => dirname(path) !== "/" && isDirectory(path) === true),
  };
}

function isShowable(path: string): boolean {
  try {
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}

function makeView({ assumed, links, points }: View): void {
  for (const { like, path } of points) makePoint(path, like);
  for (const [path, target] of Object.entries(links)) symlinkSync(target, path);
  const absent = assumed.find((path) => !existsSync(path));
  if (absent === undefined) return;
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `${absent} does not exist, and a sandbox makes nothing there`,
    hint: "Make that directory, or name one below /tmp",
  });
}

function makePoint(path: string, like: string | null): void {
  const isFile = like !== null && !statSync(like).isDirectory();
  mkdirSync(isFile ? dirname(path) : path, { recursive: true, mode: 0o755 });
  if (isFile && !existsSync(path)) writeFileSync(path, "");
}
