// A sandbox's view of the host's files: directories of its own, and mounts into them. Paths are absolute.
import { COVERED, HIDDEN, PRIVATE_TMP } from "../../core/host-paths.ts";
import { depthOf, isUnder } from "../../core/paths.ts";
import type { Walls } from "../../core/walls.ts";
import type { HostListing } from "../walls/host-listing.ts";

export interface ViewParts extends Pick<
  Walls,
  "dataDir" | "secrets" | "read" | "write" | "mounts" | "states" | "tmpDir" | "socketDir"
> {
  /** The host's directories that every tenant sees. */
  readonly system: SystemListing;
  /** An empty directory of the server's, in which the view is made. */
  readonly scratch: string;
  /** Files that the level itself needs inside. */
  readonly extras: readonly Binding[];
}

export interface SystemListing extends HostListing {
  /** The hidden directories below others that this host has, without links. */
  readonly hidden: readonly string[];
}

export interface Binding {
  readonly source: string;
  readonly inside: string;
  readonly access: "read" | "write";
}

export interface MountPoint {
  readonly path: string;
  /** The file or directory that is mounted there; null: a directory of the view's own. */
  readonly like: string | null;
}

export interface View {
  /** The directory that the sandbox has as `/`. */
  readonly root: string;
  /**
   * To be made before anything is mounted, outermost first; made later, they would be made among the host's files.
   */
  readonly points: readonly MountPoint[];
  /** Target by path. */
  readonly links: Readonly<Record<string, string>>;
  /** In the order in which they are mounted. */
  readonly mounts: readonly Binding[];
  /** Mount points among the host's files, which have to exist. */
  readonly assumed: readonly string[];
}

/** Directories that every sandbox has of its own, whatever the host's hold. */
const SYNTHETIC = ["/proc", "/sys", "/dev"] as const;

type Layer = Cover | ({ readonly kind: "bind" } & Binding);

interface Cover {
  readonly kind: "hide";
  readonly inside: string;
  /** The secret that is covered by an empty file or directory; null: a directory, whether the host has it or not. */
  readonly like: string | null;
}

/** A directory that something can be mounted in. */
interface Place {
  readonly inside: string;
  readonly source: string;
  /**
   * "own": made for this launch, so mount points may be made in it. "tenant": may hold links that the tenant has
   * made, which must not be followed.
   */
  readonly owner: "own" | "host" | "tenant";
}

/** Of several paths that hold a file the innermost counts, as behind walls. */
export function planView(parts: ViewParts): View {
  const root = `${parts.scratch}/root`;
  const places: Place[] = [{ inside: "/", source: root, owner: "own" }];
  const points: MountPoint[] = [{ path: root, like: null }];
  const mounts: Binding[] = [];
  const assumed: string[] = [];
  for (const layer of layersOf(parts)) {
    const place = places.findLast(({ inside }) => isUnder(layer.inside, inside)) as Place;
    if (isNeedless(layer, place)) continue;
    const path = place.source + relative(layer.inside, place.inside);
    if (place.owner === "own")
      points.push({ path, like: layer.kind === "bind" ? layer.source : null });
    else assumed.push(path);
    // A directory of the view's own is empty already.
    if (layer.kind === "hide" && place.owner === "own") continue;
    const binding = layer.kind === "bind" ? layer : coverOf(layer, parts.scratch, mounts.length);
    if (layer.kind === "hide") points.push({ path: binding.source, like: layer.like });
    mounts.push({ source: binding.source, inside: binding.inside, access: binding.access });
    places.push({ ...binding, owner: ownerOf(layer, binding, parts) });
  }
  return { root, points, mounts, assumed, links: linksOf(parts.system, root) };
}

function layersOf(parts: ViewParts): Layer[] {
  const { dataDir, extras, mounts, read, secrets, socketDir, states, system, tmpDir, write } =
    parts;
  const show =
    (access: "read" | "write") =>
    (path: string): Layer => ({
      kind: "bind",
      source: path,
      inside: path,
      access,
    });
  const isOwnTmp = (path: string) => (PRIVATE_TMP as readonly string[]).includes(path);
  const nested = system.hidden.filter((path) => !isOwnTmp(path));
  const tmp = PRIVATE_TMP.filter((path) => path === "/tmp" || system.hidden.includes(path));
  const writable = { kind: "bind", access: "write" } as const;
  const layers: Layer[] = [
    ...topLevel(system).map(show("read")),
    ...[...COVERED, ...SYNTHETIC, ...nested, dataDir].map((path) => hide(path)),
    ...tmp.map((inside) => ({ ...writable, source: tmpDir, inside })),
    ...(socketDir === null
      ? []
      : [{ ...writable, source: socketDir.outside, inside: socketDir.inside }]),
    ...mounts.map(({ outside, ...mount }): Layer => ({ ...mount, kind: "bind", source: outside })),
    ...states.map(({ inside, outside }) => ({ ...writable, source: outside, inside })),
    ...write.map(show("write")),
    ...read.map(show("read")),
    ...secrets.map((path) => hide(path, path)),
    ...extras.map((extra) => ({ kind: "bind" as const, ...extra })),
  ];
  // The sort is stable: at one depth, directories that are shown come after hidden ones.
  return layers.sort((one, other) => depthOf(one.inside) - depthOf(other.inside));
}

function hide(inside: string, like: string | null = null): Layer {
  return { kind: "hide", inside, like };
}

function topLevel({ directories }: SystemListing): string[] {
  const apart: readonly string[] = [...HIDDEN, ...SYNTHETIC];
  return directories.filter((path) => !apart.includes(path));
}

/**
 * Nothing is mounted into a tenant's directory, which could hold a link; a visible file needs no mount, and a secret
 * that is not in view no cover.
 */
function isNeedless(layer: Layer, place: Place): boolean {
  if (layer.kind === "hide") return layer.like !== null && place.owner === "own";
  if (place.owner === "tenant") return true;
  const isSeen = place.owner === "host" && place.source === place.inside;
  return isSeen && layer.source === layer.inside && layer.access === "read";
}

function ownerOf(layer: Layer, { source, access }: Binding, { tmpDir }: ViewParts): Place["owner"] {
  if (layer.kind === "hide" || source === tmpDir) return "own";
  return access === "write" ? "tenant" : "host";
}

function coverOf({ inside }: Layer, scratch: string, index: number): Binding {
  return { source: `${scratch}/cover-${index}`, inside, access: "read" };
}

function linksOf({ links }: HostListing, root: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(links).map(([path, target]) => [`${root}${path}`, target]),
  );
}

function relative(path: string, directory: string): string {
  return directory === "/" ? path : path.slice(directory.length);
}
