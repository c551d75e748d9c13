// The directory that a program needs beside itself: the `read_paths` that show it, and no more.
import { basename, dirname } from "node:path";
import { HIDDEN } from "../../core/host-paths.ts";
import { depthOf } from "../../core/paths.ts";

/** Directories of a home that hold many programs beside data such as credentials: of them `bin` is enough. */
const SHARED = [".bun", ".cargo", ".deno", ".local", ".volta", "go"];
/** Programs of Homebrew load libraries of each other. */
const HOMEBREW = /^.*?\/\.linuxbrew(?=\/)/;
/** Packages of Node load each other. */
const PACKAGES = /^(.*?)(\/lib)?\/node_modules(?=\/)/;

/** The directory for `read_paths` that makes a program visible together with its libraries. */
export function installationOf(program: string): string {
  const homebrew = HOMEBREW.exec(program)?.[0];
  if (homebrew !== undefined) return homebrew;
  const [packages, prefix = "", library] = PACKAGES.exec(program) ?? [];
  if (packages !== undefined) {
    return library !== undefined && !isShared(prefix) ? prefix : packages;
  }
  const directory = dirname(program);
  const isPart = /\/(?:s?bin|shims)$/.test(directory);
  const whole = dirname(directory);
  return isPart && !isShared(whole) ? whole : directory;
}

/** A home directory, or one of data of many programs: more than a program needs. */
function isShared(path: string): boolean {
  return isHome(path) || (SHARED.includes(basename(path)) && isHome(dirname(path)));
}

function isHome(path: string): boolean {
  return (
    depthOf(path) < 2 || (HIDDEN as readonly string[]).includes(path) || dirname(path) === "/home"
  );
}
