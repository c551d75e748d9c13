// Whether this host lets the launcher build walls: tried once, and where it does not, what to do about it.
import { readFileSync } from "node:fs";
import { TenError } from "../core/errors.ts";
import type { Service } from "../core/service.ts";
import { isRoot } from "./owner.ts";

/** What the launcher answers when the walls stand, but there is no such program behind them. */
const NO_PROGRAM = 127;
const NOBODY = "65534";

/** Settings that keep ordinary users from making namespaces, with the value at which they do, and the one at which not. */
const SETTINGS = [
  { name: "kernel.apparmor_restrict_unprivileged_userns", closed: "1", open: "0" },
  { name: "kernel.unprivileged_userns_clone", closed: "0", open: "1" },
  { name: "user.max_user_namespaces", closed: "0", open: "15000" },
] as const;

/** The launcher's path, once it has built walls here. Throws LEVEL_MISSING with what is in the way. */
export function checkWalls(service: Service, installLauncher: () => string | null): string {
  if (process.platform !== "linux") throw missing(service, "it needs Linux");
  const launcher = installLauncher();
  if (launcher === null) {
    throw missing(service, "ten was built without a C compiler, so without its launcher");
  }
  const found = tryWalls(launcher);
  if (found !== null) throw missing(service, `${found}; ${remedy(launcher)}`);
  return launcher;
}

function missing({ isolation, name }: Service, reason: string): TenError {
  return new TenError(
    "LEVEL_MISSING",
    `Cannot isolate "${name}" at level "${isolation}": ${reason}`,
    { hint: 'Remedy that, or set isolation = "process" for code that you trust' },
  );
}

/** Null when they stand. */
function tryWalls(launcher: string): string | null {
  const identity = isRoot() ? ["--uid", NOBODY, "--gid", NOBODY] : ["--rootless"];
  const { exitCode, stderr } = Bun.spawnSync(
    [launcher, "--walls", ...identity, "--", "/bin/true"],
    {
      stdin: "ignore",
      stdout: "ignore",
      env: {},
    },
  );
  if (exitCode === 0 || exitCode === NO_PROGRAM) return null;
  return stderr.toString().trim() || `the launcher ended with ${exitCode}`;
}

function remedy(launcher: string): string {
  if (isRoot()) return "run ten with all capabilities (a container needs to be privileged)";
  const closed = SETTINGS.find(({ name, closed }) => readSetting(name) === closed);
  if (closed === undefined) return "run ten as root, or allow its user to make user namespaces";
  const profile = closed.name.includes("apparmor")
    ? `, or give ${launcher} an AppArmor profile that says "userns,"`
    : "";
  return `run ten as root, or: sysctl -w ${closed.name}=${closed.open}${profile}`;
}

function readSetting(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8").trim();
  } catch {
    return null;
  }
}
