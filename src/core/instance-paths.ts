// The paths of an instance: its data directory, its socket, and the mark by which its processes are found.
import type { InstanceRef } from "./ref.ts";
import type { IsolationLevel, Service } from "./service.ts";
import { fillTemplate, portPlaceholder } from "./template.ts";

/** Where a process of an instance is to run. */
export interface InstancePlace {
  readonly service: Service;
  readonly ref: InstanceRef;
  /** See `PlaceRef`. */
  readonly slot: number;
  /** The server's data directory. */
  readonly dataDir: string;
  readonly port: number;
  readonly extraPorts: readonly number[];
}

/** The instance's data directory: `{data_dir}/{service}/{id}`. */
export function instanceDirOf({ ref, dataDir }: Pick<InstancePlace, "ref" | "dataDir">): string {
  return `${dataDir}/${ref.service}/${ref.id}`;
}

/** In the instance's directory: the changes to its working directory, and the directories of its `state_paths`. */
export const LAYER_DIRECTORY = ".ten/workdir";
export const STATE_DIRECTORY = ".ten/state";

/** Where the volume of an instance with a hard quota is mounted as a whole; no service can have this name. */
export function volumeDirOf({ ref, dataDir }: Pick<InstancePlace, "ref" | "dataDir">): string {
  return `${dataDir}/.mounts/${ref.service}/${ref.id}`;
}

/** The mark of every process that is started in one slot of an instance. */
export function markOf(place: Pick<InstancePlace, "ref" | "slot" | "dataDir">): string {
  return `${instanceDirOf(place)}#${place.slot}`;
}

/** No name has a dot, so that no two instances share a path. */
const SOCKET_UNWALLED = "{data_dir}/.run/{name}.{id}.sock";
/** Each instance sees a directory of its own there. */
const SOCKET_WALLED = "/tmp/tenement/{name}-{id}.sock";
/** The limit of macOS; Linux takes four more. */
const SOCKET_BYTES_MAX = 103;

/** The template of the socket where none is configured. */
export function defaultSocketAt(isolation: IsolationLevel): string {
  return isolation === "process" ? SOCKET_UNWALLED : SOCKET_WALLED;
}

/** Where the sockets of level "process" are by default; no service can have this name. */
export function socketDirOf(dataDir: string): string {
  return `${dataDir}/.run`;
}

/**
 * The path in SOCKET_PATH. Where the processes of both slots see the same directory, slot 1 has another path, so that
 * neither process replaces the other's socket. A default path that no system could bind is named after the port, which
 * fits wherever the server's own sockets do.
 */
export function socketPathOf(place: InstancePlace): string {
  const { port, service, slot } = place;
  const filled = fillTemplate(service.socket, placeholdersOf(place));
  const path = slot === 1 && isSharedBySlots(filled, place) ? `${filled}.1` : filled;
  const isDefault = service.socket === defaultSocketAt(service.isolation);
  if (!isDefault || Buffer.byteLength(path) <= SOCKET_BYTES_MAX) return path;
  return `${directoryOf(path)}/${port}`;
}

function isSharedBySlots(path: string, place: InstancePlace): boolean {
  const { isolation, writePaths } = place.service;
  if (isolation === "process") return true;
  return [instanceDirOf(place), ...writePaths].includes(directoryOf(path));
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** The values of all placeholders but `{socket}`, whose template they fill. */
export function placeholdersOf({ ref, dataDir, port, extraPorts }: InstancePlace) {
  const further = extraPorts.map((each, at) => [portPlaceholder(at + 1), String(each)] as const);
  return {
    name: ref.service,
    id: ref.id,
    data_dir: dataDir,
    port: String(port),
    ...Object.fromEntries(further),
  };
}
