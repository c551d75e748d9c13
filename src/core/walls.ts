// The walls of one instance: hidden and visible paths, and the launcher's arguments. Paths are absolute.
import { RUNTIME_DIR } from "./account.ts";
import { HIDDEN, PRIVATE_TMP } from "./host-paths.ts";
import { depthOf, isUnder } from "./paths.ts";
import { bindsHostPorts, networkOf, type Service, type SystemCallFilter } from "./service.ts";

/** The instance's own user and group; without root, the server's user in a user namespace. */
export type Identity =
  { readonly kind: "user"; readonly id: number } | { readonly kind: "rootless" };

export interface Walls {
  /** The launcher writes the application's exit status there. */
  readonly statusFile: string;
  readonly identity: Identity;
  readonly dataDir: string;
  /** All of the host that is shown, links included; null: all but the hidden directories. */
  readonly shown: readonly string[] | null;
  /** Files and directories that nothing shows, not even the directory that they lie in. */
  readonly secrets: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** The directory of the instance's socket, outside and inside; null where it lies in another writable directory. */
  readonly socketDir: { readonly outside: string; readonly inside: string } | null;
  /** Further files and directories of the instance, at places where the host may have others. */
  readonly mounts: readonly Mount[];
  /** Directories of the instance's own, where its application expects them; made where they are missing. */
  readonly states: readonly Omit<Mount, "access">[];
  /** Keeps the changes to the working directory; null: that is not writable, or the instance's own anyhow. */
  readonly layerDir: string | null;
  /** Mounted as /tmp and /var/tmp. */
  readonly tmpDir: string;
  readonly port: number;
  /** The only ports that may be bound; null: any. */
  readonly bindable: readonly number[] | null;
  /** With a private network, the socket that is forwarded to the port; null: it has the host's network. */
  readonly entry: string | null;
  readonly seccomp: SystemCallFilter;
  readonly hostname: string;
  readonly cwd: string;
}

/** A path of the host that is seen at another path inside. */
export interface Mount {
  readonly outside: string;
  readonly inside: string;
  readonly access: "read" | "write";
}

/** The part of the walls that decides which paths are visible. */
export type View = Pick<Walls, "dataDir" | "shown" | "secrets" | "read" | "write">;

/** The warning of an instance that other machines can connect to, where no firewall keeps them out. */
export const EXPOSED = "listens on all addresses: other machines reach it past ten";

/** How much of the walls a host can build. */
export interface WallHost {
  /** Version of the kernel's Landlock; null: it has none. */
  readonly landlock: number | null;
  /** Why there is no firewall between tenants; null: there is one. */
  readonly firewall: string | null;
  /** Whether the default limit of processes holds. */
  readonly processLimit: boolean;
}

/** Versions of Landlock that restrict ports, and abstract sockets and signals. */
export const LANDLOCK_PORTS = 4;
export const LANDLOCK_SCOPES = 6;

/** Acts of tenants that this host can't prevent, although the level of isolation should; a sentence for each. */
export function findWallGaps(service: Service, host: WallHost): string[] {
  if (service.isolation === "process") return [];
  const gaps = networkOf(service) === "private" ? [] : findNetworkGaps(service, host);
  if (service.isolation === "namespace" && service.pidsLimit === null && !host.processLimit) {
    gaps.push("they can start any number of processes: the kernel is too old");
  }
  return gaps;
}

function findNetworkGaps(service: Service, { landlock, firewall }: WallHost): string[] {
  const gaps: string[] = [];
  if (firewall !== null) {
    gaps.push(`they reach other tenants' ports and a cloud's metadata service: ${firewall}`);
  }
  if (service.isolation !== "namespace") return gaps;
  if (bindsHostPorts(service)) {
    gaps.push('they can bind ports of the host that are meant for others: bind is "any"');
  }
  if (landlock === null || landlock < LANDLOCK_PORTS) {
    const binding = bindsHostPorts(service) ? "" : "bind free ports and ";
    gaps.push(`they can ${binding}reach abstract sockets: the kernel is too old`);
  } else if (landlock < LANDLOCK_SCOPES) {
    gaps.push("they can reach abstract sockets of others: the kernel is too old");
  }
  return gaps;
}

/** The ports that a launch may bind, its own; null: any, as in a private network, where there is no other tenant. */
export function bindablePorts(
  service: Service,
  ports: readonly number[],
): readonly number[] | null {
  return service.bindAny || networkOf(service) === "private" ? null : ports;
}

/** The arguments of the launcher that make it start `argv` behind the walls. */
export function renderWalls(walls: Walls, argv: readonly string[]): readonly string[] {
  const { identity, mounts, socketDir } = walls;
  return [
    ...["--status", walls.statusFile, "--walls"],
    ...(identity.kind === "rootless"
      ? ["--rootless"]
      : ["--uid", String(identity.id), "--gid", String(identity.id)]),
    ...(walls.shown ?? []).flatMap((path) => ["--show", path]),
    ...[walls.dataDir, ...walls.secrets].flatMap((path) => ["--hide", path]),
    ...walls.read.flatMap((path) => ["--read", path]),
    ...walls.write.flatMap((path) => ["--write", path]),
    ...mounts.flatMap(renderMount),
    ...walls.states.flatMap(({ inside, outside }) => ["--state", `${outside}:${inside}`]),
    ...(walls.layerDir === null ? [] : ["--layer", `${walls.layerDir}:${walls.cwd}`]),
    ...(socketDir === null ? [] : renderMount({ ...socketDir, access: "write" })),
    ...["--tmp", walls.tmpDir, "--runtime-dir", RUNTIME_DIR],
    ...(walls.bindable ?? []).flatMap((port) => ["--bind-port", String(port)]),
    ...(walls.entry === null ? [] : ["--private-net", "--forward", `${walls.entry}:${walls.port}`]),
    ...["--seccomp", walls.seccomp],
    ...["--hostname", walls.hostname, "--chdir", walls.cwd, "--", ...argv],
  ];
}

function renderMount({ access, inside, outside }: Mount): readonly string[] {
  return [`--${access}-at`, `${outside}:${inside}`];
}

/** The application may read these and the system. A working directory that contains other instances is left out. */
export function readablePaths(parts: {
  readonly cwd: string;
  readonly readPaths: readonly string[];
  readonly dataDir: string;
  readonly instanceDir: string;
}): readonly string[] {
  const { cwd, dataDir, instanceDir, readPaths } = parts;
  const showsOthers = cwd !== instanceDir && isUnder(cwd, dataDir) && isUnder(instanceDir, cwd);
  return showsOthers ? readPaths : [cwd, ...readPaths];
}

/** Whether a path is visible from inside: of the listed directories that contain it, the innermost decides. */
export function isVisible(path: string, view: View): boolean {
  const { dataDir, read, secrets, shown, write } = view;
  const innermost = (directories: readonly string[]) =>
    Math.max(-1, ...directories.filter((each) => isUnder(path, each)).map(depthOf));
  const seen = innermost([...(shown ?? ["/"]), ...read, ...write]);
  const hidden = shown === null ? HIDDEN : PRIVATE_TMP;
  return seen >= 0 && seen >= innermost([...hidden, dataDir, ...secrets]);
}

/** Whether no setting of a service makes a path visible. */
export function isSecret(path: string, { dataDir, secrets }: View): boolean {
  return [dataDir, ...secrets].some((each) => isUnder(path, each));
}
