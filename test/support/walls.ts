// Settings of services under test that run behind walls, the default: the paths of the programs that they run.
import { realpathSync } from "node:fs";
import { findCompiler, type LauncherArch } from "../../scripts/build-native.ts";
import { isSoftware } from "../../src/core/host-paths.ts";
import { defaultIsolation } from "../../src/core/service.ts";
import { installationOf } from "../../src/isolation/programs/installation.ts";
import { ROOT } from "./executable.ts";

/** The programs of tenants, besides those in this project. */
const PROGRAMS = ["python3", "node", "go", "uv"];

export type WallSettings =
  { readonly read_paths: readonly string[] } | { readonly isolation: "process" };

let settings: WallSettings | null = null;

/**
 * Keys of a service: the paths that its tenants may read or, where walls are unavailable, the level process, with a
 * printed message. With TEN_TEST_REQUIRE_ALL=1 unavailable walls are an error, so that a gate can't pass without them.
 */
export function wallSettings(): WallSettings {
  settings ??= decide();
  return settings;
}

function decide(): WallSettings {
  const reason = reasonForNone();
  if (reason === null) return { read_paths: [ROOT, ...hiddenInstallations()] };
  if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw new Error(`No walls here: ${reason}`);
  if (defaultIsolation(process.platform) !== "process") console.warn(`without walls: ${reason}`);
  return { isolation: "process" };
}

function reasonForNone(): string | null {
  if (process.platform !== "linux") return "they need Linux";
  if (findCompiler(process.arch as LauncherArch) === null) {
    return "their launcher needs a C compiler: apt-get install gcc libc6-dev";
  }
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-current-user"];
  const { exitCode } = Bun.spawnSync(["unshare", ...user, "--mount", "--pid", "--fork", "true"]);
  return exitCode === 0 ? null : "this user can't make namespaces";
}

/** The entry of a hidden directory that leads to this project, which tenants may read; "" if none does. */
export function shownIn(directory: string): string {
  const [first = ""] = ROOT.startsWith(`${directory}/`)
    ? ROOT.slice(directory.length + 1).split("/")
    : [];
  return first;
}

/** Programs may be installed in a hidden directory, such as a home directory. */
function hiddenInstallations(): readonly string[] {
  const found = PROGRAMS.map((name) => Bun.which(name)).filter((path) => path !== null);
  const places = [...found, ...[...found, process.execPath].map((path) => realpathSync(path))];
  return [...new Set(places.filter((path) => !isSoftware(path)).map(installationOf))];
}
