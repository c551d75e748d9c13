// One tenant with a directory of its own, at each level that the launcher offers.
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Launched, type LaunchOptions, launch } from "./launch.ts";
import type { Programs } from "./programs.ts";

export type Level = "process" | "walls" | "rootless walls";
export const LEVELS: readonly Level[] = ["process", "walls", "rootless walls"];
export const WALLED: readonly Level[] = ["walls", "rootless walls"];

const USER = "61190";

export interface Tenant extends Disposable {
  /** Holds everything; hidden behind walls. */
  readonly root: string;
  /** The tenant's own directory; `HOME`, and where it starts. */
  readonly own: string;
  /** The command that starts a launcher as its user. */
  readonly prefix: readonly string[];
  /** A directory in `root`, which belongs to the tenant's user. */
  directory(name: string): string;
  launch(command: readonly string[], more?: Partial<LaunchOptions>): Launched;
}

export function openTenant(level: Level, programs: Programs): Tenant {
  const root = mkdtempSync("/var/lib/ten-tenant-");
  chmodSync(root, 0o755);
  const directory = (name: string) => {
    mkdirSync(join(root, name), { recursive: true });
    chownSync(join(root, name), Number(USER), Number(USER));
    return join(root, name);
  };
  const own = directory("own");
  chmodSync(own, 0o700);
  const status = join(directory("status"), "file");
  const prefix = level === "rootless walls" ? asUser() : [];
  const walls = ["--hide", root, "--write", own, "--chdir", own];
  return {
    root,
    own,
    prefix,
    directory,
    launch: (command, { options = [], env = {}, ...more } = {}) =>
      launch({
        launcher: programs.launcher,
        prefix,
        status,
        command,
        options: [...optionsOf(level), ...(level === "process" ? [] : walls), ...options],
        env: { HOME: own, TMPDIR: "/tmp", ...env },
        ...more,
      }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

function asUser(): readonly string[] {
  return ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"];
}

function optionsOf(level: Level): readonly string[] {
  switch (level) {
    case "process":
      return [];
    case "walls":
      return ["--walls", "--uid", USER, "--gid", USER];
    case "rootless walls":
      return ["--walls", "--rootless"];
  }
}
