// The host's root directory: its directories and links, as a level that builds its own root shows them.
import { readdirSync, readlinkSync } from "node:fs";

export interface RootListing {
  /** Names. */
  readonly directories: readonly string[];
  /** Target by name. */
  readonly links: Readonly<Record<string, string>>;
}

export function listRoot(isShown: (path: string) => boolean): RootListing {
  const entries = readdirSync("/", { withFileTypes: true });
  const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name);
  return {
    directories: directories.filter((name) => isShown(`/${name}`)),
    links: Object.fromEntries(links.map((name) => [name, readlinkSync(`/${name}`)])),
  };
}
