// The level "sandbox": the application runs on gVisor, a kernel in user space, and sees the same files as behind walls.
import { mkdirSync, writeFileSync } from "node:fs";
import { RUNTIME_DIR } from "../../core/account.ts";
import { FailureError } from "../../core/failure.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { isUnder } from "../../core/paths.ts";
import { type Network, networkOf, PIDS_LIMIT_DEFAULT, type Service } from "../../core/service.ts";
import type { Walls } from "../../core/walls.ts";
import { isRoot, makeOwnDirectory } from "../../platform/owner.ts";
import type { LaunchPaths } from "../launcher/launcher-directory.ts";
import {
  cleanEnvironment,
  type Enclosure,
  type Level,
  levelMissing,
  type Placement,
  type RecordedProcess,
  refuseCompany,
} from "../level.ts";
import { type NamespaceLevel, NOTHING_MORE, type Site } from "../walls/namespace.ts";
import { linkSocket } from "../walls/socket-link.ts";
import { type Bundle, type RunscPlace, renderBundle, renderRun, renderSignal } from "./bundle.ts";
import { findRunsc, type Runsc, runscGap } from "./runsc.ts";
import { followSandbox } from "./sandbox-follower.ts";
import { planView, type View } from "./sandbox-view.ts";
import { makeStateDirectory } from "./state-directory.ts";
import { listSystem, makeView } from "./view-making.ts";

/** gVisor's own threads: some 60 at rest, more under load. */
const THREADS = 128;
/** Paths inside, beside the host's: the launcher as the first process, and the directory of the entry. */
const INIT = "/.ten/init";
const ENTRY_DIR = "/.ten/entry";

interface SandboxFiles {
  readonly bundleDir: string;
  readonly stateDir: string;
  readonly logFile: string;
  readonly viewDir: string;
  /** The server reaches the entry there, once it has checked that it is a socket. */
  readonly entry: string;
  /** A directory of the tenant's, with the socket that leads to its port. */
  readonly entryDir: string;
}

export class SandboxLevel implements Level {
  /** Decides which files are visible, and makes the launch's directory; its walls are not built. */
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
    const site = this.#walls.prepare(placement, plan, { helpers: helpersOf(service) });
    const walls = this.#walls.describe(site);
    checkSocketPath(placement, walls);
    checkSources(site);
    const files = filesIn(this.#walls.pathsOf(placement));
    const view = planView({
      ...walls,
      system: listSystem(walls),
      scratch: files.viewDir,
      extras: [
        { source: site.launcher, inside: INIT, access: "read" },
        { source: files.entryDir, inside: ENTRY_DIR, access: "write" },
      ],
    });
    makeOwnDirectory(files.entryDir, site.owner);
    for (const { outside } of walls.states) makeStateDirectory(outside, site);
    makeView(view);
    for (const path of [files.bundleDir, files.stateDir]) mkdirSync(path, { mode: 0o700 });
    const network = networkOf(service);
    return {
      ...this.#sandboxOf(this.#walls.surround(site, NOTHING_MORE), files),
      wrap(argv) {
        const bundle = bundleOf(site, { argv, network, view, walls });
        writeFileSync(`${files.bundleDir}/config.json`, renderBundle(bundle), { mode: 0o600 });
        const run = renderRun(placeOf(runsc, files), { bundleDir: files.bundleDir, network });
        const options = [
          ...["--status", walls.statusFile],
          ...site.group.launcherOptions,
          ...site.preparing,
        ];
        return [site.launcher, ...options, "--", ...cleanEnvironment(plan), ...run];
      },
    };
  }

  accompany({ service }: Placement): Enclosure {
    return refuseCompany(service);
  }

  recover(placement: Placement, recorded: RecordedProcess): Enclosure | null {
    const walled = this.#walls.recover(placement, recorded);
    if (walled === null) return null;
    return this.#sandboxOf(walled, filesIn(this.#walls.pathsOf(placement)));
  }

  /** A launch behind walls as one in a sandbox. */
  #sandboxOf(walled: Enclosure, files: SandboxFiles): Enclosure {
    const { entry, logFile, entryDir } = files;
    return {
      ...walled,
      follow: (child) =>
        followSandbox(walled.follow(child), {
          logFile,
          renderSignal: (signal) => this.#renderSignal(files, signal),
        }),
      exposeSocket() {
        linkSocket(`${entryDir}/socket`, entry);
        walled.exposeSocket();
      },
    };
  }

  /** Null: `runsc` is no longer installed. */
  #renderSignal(files: SandboxFiles, signal: string): readonly string[] | null {
    if (this.#runsc === null) {
      const found = this.#find();
      if (found.kind === "ready") this.#runsc = found.runsc;
    }
    return this.#runsc === null ? null : renderSignal(placeOf(this.#runsc, files), signal);
  }

  /** Throws LEVEL_MISSING with the reason and the remedy. */
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
    // The name of earlier versions, whose sandboxes this server may have adopted.
    entryDir: `${top}/way-in`,
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
  const forward =
    network === "private" ? ["--forward", `${ENTRY_DIR}/socket:${placement.port}`] : [];
  return {
    root: view.root,
    mounts: view.mounts,
    argv: [INIT, ...forward, "--runtime-dir", RUNTIME_DIR, "--", ...argv],
    env: plan.env,
    cwd: walls.cwd,
    hostname: walls.hostname,
    network,
    userId: owner ?? 0,
  };
}

/** gVisor's threads, and one on the host for each process inside. */
function helpersOf({ pidsLimit }: Service): number {
  return THREADS + (pidsLimit ?? PIDS_LIMIT_DEFAULT);
}

/** A mount into a tenant's directory would follow the links in it. Throws LEVEL_MISSING. */
function checkSocketPath({ service }: Placement, { socketDir, write }: Walls): void {
  if (socketDir === null || !write.some((path) => isUnder(socketDir.inside, path))) return;
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `its socket lies in ${socketDir.inside}, deep in a directory that it may write`,
    hint: `Set socket in [service.${service.name}] to a path below /tmp`,
  });
}

/** gVisor mounts by path, where a tenant could put a link in time. Throws LEVEL_MISSING. */
function checkSources({ paths: { read, write }, places, placement: { service } }: Site): void {
  const foreign = [...read, ...write].find((path) => places.contains(path));
  if (foreign === undefined) return;
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `${foreign} lies in a directory that tenants may write`,
    hint: `Name another path in [service.${service.name}], or set isolation = "namespace"`,
  });
}
