// The hierarchies of control groups on this host: where they are mounted, which controllers each has, and below which
// group
// this program may make its own.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Gap } from "../../core/failure.ts";
import type { CgroupVersion, Controller } from "./cgroup-limits.ts";

export interface Hierarchy {
  readonly version: CgroupVersion;
  /** The group in which groups may be made: the top of the hierarchy, or what the system has delegated. */
  readonly parent: string;
  /**
   * Those that limits need. Version 2 may have none beside version 1; it still finds and kills everything in a group.
   */
  readonly controllers: readonly Controller[];
}

/** `lacks`: why there is no more than this, and what to do about it. */
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

/** The names of the controllers in version 1; in version 2 they are those of the type itself. */
const NAMES: Readonly<Record<string, Controller>> = {
  memory: "memory",
  cpu: "cpu",
  pids: "pids",
  io: "io",
  blkio: "io",
};
const AS_ROOT = "run ten as root";
const AS_USER_SERVICE = "run ten as root, or as a service of systemd's user manager";

interface Mount {
  readonly path: string;
  /** Which group of the hierarchy is mounted there. */
  readonly root: string;
  readonly version: CgroupVersion;
  readonly options: readonly string[];
}

/** What this process may use. */
export function findHierarchies(
  facts: HierarchyFacts = { uid: uidUnlessRoot(), read: readText },
): Hierarchies {
  const mounts = parseMounts(facts.read("/proc/self/mountinfo") ?? "");
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
  const found = mounts.map(({ path, version, options }) => ({
    version,
    parent: path,
    controllers: controllersOf({ version, options }, path, facts.read),
  }));
  return {
    found: found.filter(({ version, controllers }) => version === 2 || controllers.length > 0),
    lacks: { reason: "this kernel does not offer it", remedy },
  };
}

/** systemd's user manager may do with its own group as it likes, and so may its services. */
function findDelegated(
  unified: Mount | undefined,
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
  { version, options }: Pick<Mount, "version" | "options">,
  group: string,
  read: HierarchyFacts["read"],
): Controller[] {
  const names =
    version === 1 ? options : (read(`${group}/cgroup.controllers`) ?? "").trim().split(" ");
  return names.flatMap((name) => NAMES[name] ?? []);
}

/** Lines of proc_pid_mountinfo(5): ID PARENT DEVICE ROOT PATH OPTIONS [TAGS…] - TYPE SOURCE SUPER-OPTIONS. */
function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "", path = ""] = before.split(" ");
    const [type, , options = ""] = after.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") return [];
    const version = type === "cgroup" ? 1 : 2;
    return [{ path, root, version, options: options.split(",") }];
  });
}

function uidUnlessRoot(): number | null {
  return process.geteuid?.() || null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
