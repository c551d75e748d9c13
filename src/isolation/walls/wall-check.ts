// Whether the host lets the launcher build walls: tried once, with the remedies for a refusal.
import type { Gap } from "../../core/failure.ts";
import type { Service } from "../../core/service.ts";
import { readText } from "../../platform/files.ts";
import { isRoot } from "../../platform/owner.ts";
import { tryLauncher } from "../launcher/launcher-program.ts";
import { levelMissing } from "../level.ts";

const NOBODY = "65534";

/** Settings that keep ordinary users from making namespaces, by their values. */
const SETTINGS = [
  { name: "kernel.apparmor_restrict_unprivileged_userns", closed: "1", open: "0" },
  { name: "kernel.unprivileged_userns_clone", closed: "0", open: "1" },
  { name: "user.max_user_namespaces", closed: "0", open: "15000" },
] as const;

const NO_LINUX: Gap = { reason: "it needs Linux", remedy: "run ten on Linux" };
const NO_LAUNCHER: Gap = {
  reason: "ten was built without a C compiler, so without its launcher",
  remedy: "build it where there is one: apt-get install gcc libc6-dev",
};
const WITHOUT_WALLS = 'set isolation = "process" for code that you trust';

/** The launcher's path, once it has built walls here. Throws LEVEL_MISSING with the reason of a refusal. */
export function checkWalls(service: Service, installLauncher: () => string | null): string {
  if (process.platform !== "linux") throw levelMissing(service, NO_LINUX, WITHOUT_WALLS);
  const launcher = installLauncher();
  if (launcher === null) throw levelMissing(service, NO_LAUNCHER, WITHOUT_WALLS);
  const gap = attemptWalls(launcher);
  if (gap !== null) throw levelMissing(service, gap, WITHOUT_WALLS);
  return launcher;
}

/**
 * Why the launcher can't build walls; null when they stand.
 * @param path where the server has its launcher, if that is another
 */
export function attemptWalls(launcher: string, path = launcher): Gap | null {
  const reason = tryWalls(launcher);
  return reason === null ? null : { reason, remedy: remediesFor(path).join("\n") };
}

/** Null when the walls stand. */
function tryWalls(launcher: string): string | null {
  const identity = isRoot() ? ["--uid", NOBODY, "--gid", NOBODY] : ["--rootless"];
  return tryLauncher(launcher, ["--walls", ...identity]);
}

function remediesFor(launcher: string): readonly string[] {
  if (isRoot()) return ["run ten with all capabilities (a container needs to be privileged)"];
  const closed = SETTINGS.find(({ name, closed }) => readSetting(name) === closed);
  if (closed === undefined) return ["run ten as root, or allow its user to make user namespaces"];
  const profile = closed.name.includes("apparmor") ? [renderProfile(launcher)] : [];
  return ["run ten as root", `sysctl -w ${closed.name}=${closed.open}`, ...profile];
}

/** The command that gives the launcher alone an AppArmor profile under which it may make user namespaces. */
function renderProfile(launcher: string): string {
  const profile = `abi <abi/4.0>,\\nprofile ten-launcher ${launcher} flags=(unconfined) { userns, }\\n`;
  const file = "/etc/apparmor.d/ten-launcher";
  return `printf '${profile}' > ${file} && apparmor_parser -r ${file}`;
}

function readSetting(name: string): string | null {
  return readText(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim() ?? null;
}
