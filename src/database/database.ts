// tenement.db: opens the database, migrates its schema, and provides its tables.
import { Database } from "bun:sqlite";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { messageOf, TenError } from "../core/errors.ts";
import { AuditTable } from "./audit.ts";
import { DomainTable } from "./domains.ts";
import { InstanceTable } from "./instances.ts";
import { MIGRATIONS } from "./migrations.ts";
import { TokenTable } from "./tokens.ts";
import { UserIdTable } from "./user-ids.ts";

/** A statement waits this long for another process, such as `ten token-gen`, to finish its own. */
const BUSY_TIMEOUT_MS = 250;

export interface TenementDatabase extends Disposable {
  readonly instances: InstanceTable;
  readonly tokens: TokenTable;
  readonly audit: AuditTable;
  readonly userIds: UserIdTable;
  readonly domains: DomainTable;
}

/** Opens `{dataDir}/tenement.db`; creates the directory (0700) and the tables where they are missing. */
export function openTenementDatabase(dataDir: string): TenementDatabase {
  const database = openDatabase(dataDir);
  return {
    instances: new InstanceTable(database),
    tokens: new TokenTable(database),
    audit: new AuditTable(database),
    userIds: new UserIdTable(database, dataDir),
    domains: new DomainTable(database),
    [Symbol.dispose]: () => database.close(),
  };
}

/** Throws STORAGE_FAILED for the database of a newer version. Reads only, so another server may have it open. */
export function checkDatabaseVersion(dataDir: string): void {
  const file = `${dataDir}/tenement.db`;
  if (!existsSync(file)) return;
  try {
    using database = new Database(file, { readonly: true });
    checkVersion(versionOf(database));
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

function openDatabase(dataDir: string): Database {
  const file = `${dataDir}/tenement.db`;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const database = new Database(file, { create: true, strict: true });
    chmodSync(file, 0o600);
    database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    migrate(database);
    return database;
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

function cannotOpen(file: string, cause: unknown): TenError {
  return new TenError("STORAGE_FAILED", `Cannot open "${file}": ${messageOf(cause)}`, {
    cause,
    hint: "Check that the directory is writable and its disk has space",
  });
}

function versionOf(database: Database): number {
  const row = database.query<{ user_version: number }, []>("PRAGMA user_version").get();
  return row?.user_version ?? 0;
}

function checkVersion(version: number): void {
  if (version > MIGRATIONS.length) throw new Error("it was written by a newer version");
}

function migrate(database: Database): void {
  database
    .transaction(() => {
      const version = versionOf(database);
      checkVersion(version);
      for (const migration of MIGRATIONS.slice(version)) database.run(migration);
      database.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
    })
    .immediate();
}
