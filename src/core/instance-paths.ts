// The paths of an instance: its data directory, its socket, and the mark by which its processes are found.
import type { InstanceRef, Slot } from "./ref.ts";
import type { Service } from "./service.ts";
import { fillTemplate } from "./template.ts";

/** Where a process of an instance is to run. */
export interface InstancePlace {
  readonly service: Service;
  readonly ref: InstanceRef;
  readonly slot: Slot;
  /** The server's data directory. */
  readonly dataDir: string;
  readonly port: number;
}

/** The instance's data directory: `{data_dir}/{service}/{id}`. */
export function instanceDirOf({ ref, dataDir }: Pick<InstancePlace, "ref" | "dataDir">): string {
  return `${dataDir}/${ref.service}/${ref.id}`;
}

/** Where the volume of an instance with a hard quota is mounted as a whole; no service can have this name. */
export function volumeDirOf({ ref, dataDir }: Pick<InstancePlace, "ref" | "dataDir">): string {
  return `${dataDir}/.mounts/${ref.service}/${ref.id}`;
}

/** The mark of every process that is started in one slot of an instance. */
export function markOf(place: Pick<InstancePlace, "ref" | "slot" | "dataDir">): string {
  return `${instanceDirOf(place)}#${place.slot}`;
}

/**
 * The path in SOCKET_PATH. Where the processes of both slots see the same directory, slot 1 has another path, so that
 * neither process replaces the other's socket.
 */
export function socketPathOf(place: InstancePlace): string {
  const path = fillTemplate(place.service.socket, placeholdersOf(place));
  return place.slot === 1 && isSharedBySlots(path, place) ? `${path}.1` : path;
}

function isSharedBySlots(path: string, place: InstancePlace): boolean {
  const { isolation, writePaths } = place.service;
  if (isolation === "process") return true;
  const directory = path.slice(0, path.lastIndexOf("/"));
  return [instanceDirOf(place), ...writePaths].includes(directory);
}

/** The values of all placeholders but `{socket}`, whose template they fill. */
export function placeholdersOf({ ref, dataDir, port }: InstancePlace) {
  return { name: ref.service, id: ref.id, data_dir: dataDir, port: String(port) };
}
