// The hierarchies of control groups on this host: their paths, their controllers, the group for this server's own.
import { join } from "node:path";
import type { Gap } from "../../core/failure.ts";
import { readText } from "../../platform/files.ts";
import { type Mount, parseMounts } from "../../platform/mounts.ts";
import type { CgroupVersion, Controller } from "./cgroup-limits.ts";

export interface Hierarchy {
  readonly version: CgroupVersion;
  /** The group in which groups may be made: the top of the hierarchy, or one that the system has delegated. */
  readonly parent: string;
  /**
   * The controllers that limits need. Version 2 may have none beside version 1; its groups still find and kill
   * processes.
   */
  readonly controllers: readonly Controller[];
}

/** `lacks`: why there are no further controllers, with the remedy. */
export interface Hierarchies {
  readonly found: readonly Hierarchy[];
  readonly lacks: Gap;
}

export interface HierarchyFacts {
  /** Null: root, who may make groups anywhere. */
  readonly uid: number | null;
  /** The text of a file; null when it can't be read. */
  readonly read: (path: string) => string | null;
}

/** Names of version 1; version 2 uses those of the type. */
const NAMES: Readonly<Record<string, Controller>> = {
  memory: "memory",
  cpu: "cpu",
  pids: "pids",
  io: "io",
  blkio: "io",
};
const AS_ROOT = "run ten as root";
const AS_USER_SERVICE = "run ten as root, or as a service of systemd's user manager";

/** A hierarchy; its root is the group that is mounted at its path. */
interface CgroupMount extends Pick<Mount, "path" | "root" | "superOptions"> {
  readonly version: CgroupVersion;
}

/** The hierarchies that this process may use. */
export function findHierarchies(
  facts: HierarchyFacts = { uid: uidUnlessRoot(), read: readText },
): Hierarchies {
  const mounts = cgroupMounts(facts.read("/proc/self/mountinfo") ?? "");
  if (mounts.length === 0) {
    const reason = "no control groups are mounted";
    return {
      found: [],
      lacks: { reason, remedy: "mount them: mount -t cgroup2 none /sys/fs/cgroup" },
    };
  }
  const unified = mounts.find(({ version }) => version === 2);
  if (facts.uid !== null) return findDelegated(unified, facts.uid, facts.read);
  const remedy = "boot a kernel that does; in a container, give it the control groups of the host";
  const found = mounts.map((mount) => ({
    version: mount.version,
    parent: mount.path,
    controllers: controllersOf(mount, mount.path, facts.read),
  }));
  return {
    found: found.filter(({ version, controllers }) => version === 2 || controllers.length > 0),
    lacks: { reason: "this kernel does not offer it", remedy },
  };
}

/** systemd's user manager controls its own group, and shares it with its services. */
function findDelegated(
  unified: CgroupMount | undefined,
  uid: number,
  read: HierarchyFacts["read"],
): Hierarchies {
  const lacking = (reason: string, remedy: string): Hierarchies => ({
    found: [],
    lacks: { reason, remedy },
  });
  if (unified === undefined)
    return lacking("version 1 of control groups is for root only", AS_ROOT);
  const own = /^0::(.*)$/m.exec(read("/proc/self/cgroup") ?? "")?.[1] ?? "";
  const manager = `/user@${uid}.service`;
  const at = `${own}/`.indexOf(`${manager}/`);
  if (at < 0) return lacking("no control group is delegated to this user", AS_USER_SERVICE);
  const group = own.slice(0, at + manager.length);
  const below = unified.root === "/" ? group : group.slice(unified.root.length);
  const parent = join(unified.path, below);
  const controllers = controllersOf(unified, parent, read);
  return {
    found: [{ version: 2, parent, controllers }],
    lacks: {
      reason: "systemd does not delegate it to users",
      remedy: `as root: systemctl edit user@.service, add "[Service]" and "Delegate=cpu io memory pids"`,
    },
  };
}

function controllersOf(
  { superOptions, version }: Pick<CgroupMount, "superOptions" | "version">,
  group: string,
  read: HierarchyFacts["read"],
): Controller[] {
  const names =
    version === 1 ? superOptions : (read(`${group}/cgroup.controllers`) ?? "").trim().split(" ");
  return names.flatMap((name) => NAMES[name] ?? []);
}

function cgroupMounts(text: string): readonly CgroupMount[] {
  return parseMounts(text).flatMap(({ path, root, superOptions, type }) => {
    if (type !== "cgroup" && type !== "cgroup2") return [];
    return [{ path, root, superOptions, version: type === "cgroup" ? 1 : 2 }];
  });
}

function uidUnlessRoot(): number | null {
  return process.geteuid?.() || null;
}
