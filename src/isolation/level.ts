// The interface of a level of isolation: encloses a launch, and recovers the enclosure of a running process.
import type { Endpoint } from "../core/endpoint.ts";
import { FailureError, type Gap, hintOf } from "../core/failure.ts";
import type { LaunchPlan } from "../core/launch-plan.ts";
import type { ChildRef } from "../core/life/instance.ts";
import type { InstanceRef, Slot } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import type { Child } from "../platform/process/spawner.ts";

/** The instance of a launch, its slot and its ports. */
export interface Placement {
  readonly service: Service;
  readonly ref: InstanceRef;
  /** Names the files of this launch; see `PlaceRef`. */
  readonly slot: number;
  readonly port: number;
  readonly extraPorts: readonly number[];
}

export function portsOf({
  port,
  extraPorts,
}: Pick<Placement, "port" | "extraPorts">): readonly number[] {
  return [port, ...extraPorts];
}

/** The isolation around one launch. */
export interface Enclosure {
  /** The server reaches the application's socket there. */
  readonly socketPath: string;
  /** Whether other programs of the host could listen at its socket, so that the peer has to be checked. */
  readonly isSocketOpen: boolean;
  /** Addresses at which the application may listen, as the server reaches them; the first that accepts is used. */
  readonly endpoints: readonly Endpoint[];
  /** The application's user; null: the server's. */
  readonly owner: number | null;
  /** The control group that the command starts in; null: the server's own. */
  readonly cgroup: string | null;
  /** By which descendants are found; null: the launcher waits for them. */
  readonly mark: string | null;
  /** The command that runs `argv` inside the enclosure. */
  wrap(argv: readonly string[]): readonly string[];
  /** Follows the application through the process of that command. */
  follow(child: Child): Child;
  /** Brings `socketPath` up to date once the application listens on a socket. */
  exposeSocket(): void;
  /** Why the application may have ended before it was ready, with the remedy; null: nothing is known. */
  explainFailedStart(): string | null;
  /** Removes the launch's files once all of its processes have ended. */
  clear(): void;
}

/** A process as an earlier server has recorded it. */
export interface RecordedProcess {
  readonly child: ChildRef;
  readonly socketPath: string;
}

/** How a command of an operator runs inside an instance. */
export interface Company {
  /** The slot of the running application, whose control group and temporary files it shares; null: none runs. */
  readonly beside: Slot | null;
  /** The options that have the launcher attach its streams. */
  readonly attach: readonly string[];
}

export interface Level {
  /**
   * Makes a disk that the instance's first launch needs, while other instances go on; null: there is none to make.
   * Rejects with the cause, LEVEL_MISSING where the host lacks the level.
   */
  makeDisk?(order: Pick<Placement, "ref" | "service">): Promise<void> | null;
  /**
   * Makes the files of a launch; the plan's program is an absolute path. Throws LEVEL_MISSING when the host lacks
   * the level, or the program would be hidden inside.
   */
  enclose(placement: Placement, plan: LaunchPlan): Enclosure;
  /**
   * Makes the files for a command of an operator, which takes neither port nor socket from the application. Throws
   * LEVEL_MISSING where the level can't run one.
   */
  accompany(placement: Placement, plan: LaunchPlan, company: Company): Enclosure;
  /** The enclosure of a process of an earlier server; null when the process was not started at this level. */
  recover(placement: Placement, recorded: RecordedProcess): Enclosure | null;
}

/** The refusal of a level that the host can't provide; `otherwise` is one more remedy. */
export function levelMissing(
  { isolation }: Service,
  gap: Gap,
  ...otherwise: readonly string[]
): FailureError {
  const reason = `isolation = "${isolation}" is not available: ${gap.reason}`;
  return new FailureError({ code: "LEVEL_MISSING", reason, hint: hintOf(gap, ...otherwise) });
}

/** The refusal of a level inside which no command can be run. */
export function refuseCompany({ isolation }: Service): never {
  throw new FailureError({
    code: "LEVEL_MISSING",
    reason: `isolation = "${isolation}" lets no command in from outside`,
    hint: "Let the application offer what is needed, or run the command in a service of level namespace",
  });
}

/** The beginning of a command that runs without the application's environment, except for its mark. */
export function cleanEnvironment({ mark }: Pick<LaunchPlan, "mark">): readonly string[] {
  return ["/usr/bin/env", "-i", `TENEMENT_MARK=${mark}`];
}

/** On the host's network the application listens on the port, on IPv4 or IPv6, or on the socket. */
export function hostEndpoints(port: number, socketPath: string): readonly Endpoint[] {
  return [
    { kind: "tcp", host: "127.0.0.1", port },
    { kind: "unix", path: socketPath },
    { kind: "tcp", host: "::1", port },
  ];
}
