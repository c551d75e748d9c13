// The tables of all servers on this host: their names, their owners, and those whose owner is gone.
import { existsSync, readlinkSync, realpathSync } from "node:fs";
import { listNft, runNft } from "./nft.ts";

const NAME = /^table inet (tenement_[0-9a-f]{12})$/gm;

/** The name of the table for a data directory, which must exist. */
export function tableName(dataDir: string): string {
  return nameFor(realpathSync(dataDir));
}

/** The owner of a table as its comment: a data directory, and the mount namespace in which its path is meant. */
export function ownerComment(dataDir: string): string {
  const names = realpathSync(dataDir).split("/").map(encodeURIComponent);
  return `${mountNamespace()} ${names.join("/")}`;
}

/**
 * Deletes the tables of killed servers whose data directory is gone. Their claims would keep tenants of this server
 * from ports that those servers had. Tables of containers, whose directories have other paths, are left alone.
 */
export function deleteOrphanedTables(): void {
  for (const name of listOrphanedTables()) runNft(`delete table inet ${name}`);
}

/** The tables of killed servers whose data directory is gone. */
export function listOrphanedTables(): readonly string[] {
  const names = [...listNft(["tables", "inet"]).matchAll(NAME)].map(([, name = ""]) => name);
  return names.filter((name) => {
    const dataDir = findOwner(name);
    return dataDir !== null && !existsSync(dataDir);
  });
}

/** The data directory of a table; null: unknown, as when its path is too long for a comment. */
function findOwner(name: string): string | null {
  const [, namespace, encoded = ""] =
    /comment "(mnt:\[\d+\]) ([^"]*)"/.exec(listNft(["chain", "inet", name, "output"])) ?? [];
  if (namespace !== mountNamespace()) return null;
  try {
    const dataDir = decodeURIComponent(encoded);
    return nameFor(dataDir) === name ? dataDir : null;
  } catch {
    return null;
  }
}

function nameFor(realPath: string): string {
  const digest = new Bun.CryptoHasher("sha256").update(realPath).digest("hex");
  return `tenement_${digest.slice(0, 12)}`;
}

function mountNamespace(): string {
  return readlinkSync("/proc/self/ns/mnt");
}
