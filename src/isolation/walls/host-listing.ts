// The host's directories and links that every tenant sees, as a level that builds its own root shows them.
import { lstatSync, readdirSync, readlinkSync } from "node:fs";

export interface HostListing {
  /** Paths. */
  readonly directories: readonly string[];
  /** Target by path. */
  readonly links: Readonly<Record<string, string>>;
}

/** @param shown all that is shown; null: the entries of the root directory */
export function listHost(
  shown: readonly string[] | null,
  isShown: (path: string) => boolean,
): HostListing {
  const paths = shown ?? readdirSync("/").map((name) => `/${name}`);
  const factsOf = (path: string) => lstatSync(path, { throwIfNoEntry: false });
  const links = [...paths, "/var/run"].filter((path) => factsOf(path)?.isSymbolicLink());
  return {
    directories: paths.filter((path) => factsOf(path)?.isDirectory() && isShown(path)),
    links: Object.fromEntries(links.map((path) => [path, readlinkSync(path)])),
  };
}
