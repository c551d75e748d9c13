// The levels of virtual machines: a hypervisor behind the walls of the level "namespace", as the instance's user.
import { statSync } from "node:fs";
import { FailureError, startFailure } from "../../core/failure.ts";
import type { LaunchPlan } from "../../core/launch-plan.ts";
import { hasOwnRoot, type Service } from "../../core/service.ts";
import type { LaunchPaths } from "../launcher/launcher-directory.ts";
import {
  cleanEnvironment,
  type Enclosure,
  type Level,
  type Placement,
  type RecordedProcess,
  refuseCompany,
} from "../level.ts";
import type { NamespaceLevel, Openings, Site } from "../walls/namespace.ts";
import { type AgentConnection, followMachine } from "./agent-status.ts";

export interface Hypervisor<Materials extends { readonly program: string }> {
  /** Of the hypervisor itself, beside one for each processor of the machine. */
  readonly threads: number;
  /** Finds the programs and files that the machines of a service need. Throws LEVEL_MISSING where the host lacks it. */
  collect(service: Service): Materials;
  /** See `Level`. */
  makeDisk?(order: Pick<Placement, "ref" | "service">): Promise<void> | null;
  /** Makes the files of a launch. */
  prepare(launch: MachineLaunch<Materials>): PreparedMachine;
  connect(paths: LaunchPaths): MachineConnection;
}

export interface MachineLaunch<Materials> {
  readonly materials: Materials;
  readonly paths: LaunchPaths;
  /** Of the application, inside the machine. */
  readonly plan: LaunchPlan;
  /** Of the hypervisor. */
  readonly site: Site;
}

export interface PreparedMachine {
  /** The hypervisor's program and its arguments. */
  readonly command: readonly string[];
  readonly openings: Openings;
}

export interface MachineConnection extends AgentConnection {
  /** The server reaches the application there. */
  readonly socketPath: string;
  /** Brings `socketPath` up to date once the application listens. */
  readonly exposeSocket: () => void;
}

export class MachineLevel<Materials extends { readonly program: string }> implements Level {
  readonly #walls: NamespaceLevel;
  readonly #hypervisor: Hypervisor<Materials>;

  constructor(walls: NamespaceLevel, hypervisor: Hypervisor<Materials>) {
    this.#walls = walls;
    this.#hypervisor = hypervisor;
  }

  makeDisk(order: Pick<Placement, "ref" | "service">): Promise<void> | null {
    return this.#hypervisor.makeDisk?.(order) ?? null;
  }

  enclose(placement: Placement, plan: LaunchPlan): Enclosure {
    const { service } = placement;
    const { rootfs, vcpus } = service.machine;
    const materials = this.#hypervisor.collect(service);
    if (rootfs !== null) checkReadable(rootfs, service);
    const outer = outerPlan(service, { plan, program: materials.program });
    const helpers = this.#hypervisor.threads + vcpus;
    const site = this.#walls.prepare(placement, outer, { helpers });
    const paths = this.#walls.pathsOf(placement);
    const { command, openings } = this.#hypervisor.prepare({ materials, paths, plan, site });
    const walled = this.#walls.surround(site, openings);
    const wrap = () => walled.wrap([...cleanEnvironment(plan), ...command]);
    return { ...this.#machine(placement, walled), wrap };
  }

  accompany({ service }: Placement): Enclosure {
    return refuseCompany(service);
  }

  recover(placement: Placement, recorded: RecordedProcess): Enclosure | null {
    const walled = this.#walls.recover(placement, recorded);
    return walled === null ? null : this.#machine(placement, walled);
  }

  /** A launch behind walls as one in a machine. */
  #machine(placement: Placement, walled: Enclosure): Enclosure {
    const connection = this.#hypervisor.connect(this.#walls.pathsOf(placement));
    const { exposeSocket, socketPath } = connection;
    return {
      ...walled,
      socketPath,
      endpoints: [{ kind: "unix", path: socketPath }],
      follow: (child) => followMachine(walled.follow(child), connection),
      exposeSocket,
    };
  }
}

/** The hypervisor's own plan. With an image the program and the working directory are not the host's. */
function outerPlan(
  service: Service,
  { plan, program }: { plan: LaunchPlan; program: string },
): LaunchPlan {
  return hasOwnRoot(service) ? { ...plan, argv: [program], cwd: plan.instanceDir } : plan;
}

/** Throws START_FAILED when the instance's user could not read the operator's image. */
function checkReadable(path: string, { name }: Service): void {
  const facts = statSync(path, { throwIfNoEntry: false });
  const state = facts === undefined ? "is not there" : "can be read by its owner alone";
  if (facts !== undefined && (facts.mode & 0o004) !== 0) return;
  const hint = facts === undefined ? `Correct its path in [service.${name}]` : `chmod o+r ${path}`;
  throw new FailureError(startFailure(`${path} ${state}`, hint));
}
