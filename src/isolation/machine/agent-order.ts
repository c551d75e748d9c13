// The order to the agent in a machine: the program, its user and the host's files, as native/guest/order.c reads them.
import { type Account, groupLine, RUNTIME_DIR, userLine } from "../../core/account.ts";
import { HIDDEN, PRIVATE_TMP } from "../../core/host-paths.ts";
import { isUnder } from "../../core/paths.ts";
import type { Walls } from "../../core/walls.ts";
import type { HostListing } from "../walls/host-listing.ts";

/** A directory of the host, which the machine mounts by a tag. */
export interface Export {
  readonly tag: string;
  /** The same on the host and in the machine. */
  readonly path: string;
  /** "system": a directory in the root; "read" and "write": anywhere, as a service has configured. */
  readonly kind: "system" | "read" | "write";
}

/** The content of the application's root directory. */
export type AgentRoot =
  | {
      readonly kind: "host";
      readonly exports: readonly Export[];
      /** Symbolic links: target by path. */
      readonly links: Readonly<Record<string, string>>;
    }
  | { readonly kind: "image"; readonly device: string; readonly exports: readonly Export[] };

export interface AgentOrder {
  /** "ports": four serial ports; "vsock": sockets of a family of their own, and a disk for the status. */
  readonly channel: "ports" | "vsock";
  /** Of the application; its user is also its group, never 0. */
  readonly account: Account;
  readonly hostname: string;
  readonly cwd: string;
  /** The application may listen there. */
  readonly port: number;
  readonly socketPath: string;
  /** How many processes and threads may exist at once; 0: any number. */
  readonly processesMax: number;
  readonly root: AgentRoot;
  /** The disk of the instance's own file system; null: the instance's directory is among the exports. */
  readonly data: { readonly device: string; readonly path: string } | null;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Records `name=value`, each followed by a zero byte, which no value can hold. */
export function renderOrder(order: AgentOrder): string {
  const { data, root } = order;
  const links = root.kind === "host" ? Object.entries(root.links) : [];
  const records: readonly (readonly [string, string])[] = [
    ["channel", order.channel],
    ["uid", String(order.account.user)],
    ["hostname", order.hostname],
    ["directory", order.cwd],
    ["port", String(order.port)],
    ["socket", order.socketPath],
    ["runtime", RUNTIME_DIR],
    ["user", userLine(order.account)],
    ["group", groupLine(order.account)],
    ["processes", String(order.processesMax)],
    ...links.map(([path, target]) => ["link", `${path.slice(1)}:${target}`] as const),
    ...(root.kind === "image" ? [["image", root.device] as const] : []),
    ...root.exports.map(({ kind, path, tag }) => [kind, `${tag}:${path}`] as const),
    ...(data === null ? [] : [["data", `${data.device}:${data.path}`] as const]),
    ...order.argv.map((argument) => ["argument", argument] as const),
    ...Object.entries(order.env).map(([name, value]) => ["env", `${name}=${value}`] as const),
  ];
  return records.map(([name, value]) => `${name}=${value}\0`).join("");
}

/** Directories that a machine has of its own, or that hold nothing for an application. */
const OWN: readonly string[] = ["/proc", "/sys", "/dev", "/boot", "/lost+found", ...HIDDEN];

/** The host's files for a machine: those that walls show, read-only, and the writable ones. */
export function planExports(
  listing: HostListing,
  { read, write }: Pick<Walls, "read" | "write">,
): AgentRoot & { readonly kind: "host" } {
  const systems = listing.directories.filter((path) => !OWN.includes(path));
  // The machine's own directories of temporary files cover the host's.
  const isPrivate = (path: string) => PRIVATE_TMP.some((each) => isUnder(path, each));
  const shown = read.filter(
    (path) => isPrivate(path) || !systems.some((each) => isUnder(path, each)),
  );
  const planned: readonly Omit<Export, "tag">[] = [
    ...systems.map((path) => ({ path, kind: "system" }) as const),
    // Outer directories first: mounted later, they would cover the inner ones.
    ...shown.toSorted(byLength).map((path) => ({ path, kind: "read" }) as const),
    ...write.toSorted(byLength).map((path) => ({ path, kind: "write" }) as const),
  ];
  const exports = planned.map((each, index) => ({ ...each, tag: `ten${index}` }));
  // In an order a colon ends the name of a link.
  const links = Object.entries(listing.links).filter(([path]) => !path.includes(":"));
  return { kind: "host", exports, links: Object.fromEntries(links) };
}

function byLength(a: string, b: string): number {
  return a.length - b.length;
}
