// The lock on the data directory, for one server: SQLite's lock on a file, which ends with the process.
import { Database } from "bun:sqlite";
import { writeFileSync } from "node:fs";
import { messageOf, TenError } from "../core/errors.ts";
import { codeOf, readText } from "./files.ts";
import { openPrivateDirectory } from "./private-directory.ts";

/** Locks the data directory for this process. Throws SERVER_RUNNING with the pid of the server that has the lock. */
export function lockDirectory(dataDir: string): Disposable {
  const pidFile = `${dataDir}/tenement.pid`;
  const lock = openLock(dataDir);
  try {
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("BEGIN EXCLUSIVE");
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    lock.close();
    throw lockError(dataDir, pidFile, error);
  }
  return { [Symbol.dispose]: () => lock.close() };
}

function openLock(dataDir: string): Database {
  try {
    openPrivateDirectory(dataDir);
    return new Database(`${dataDir}/tenement.lock`, { create: true });
  } catch (error) {
    throw lockError(dataDir, null, error);
  }
}

function lockError(dataDir: string, pidFile: string | null, error: unknown): TenError {
  const isTaken = pidFile !== null && codeOf(error) === "SQLITE_BUSY";
  if (!isTaken) {
    return new TenError("STORAGE_FAILED", `Cannot lock "${dataDir}": ${messageOf(error)}`, {
      cause: error,
      hint: "Check that the directory is writable and its disk has space",
    });
  }
  // The other server may have the lock, but no file yet.
  const pid = readText(pidFile)?.trim() ?? "unknown";
  return new TenError(
    "SERVER_RUNNING",
    `Cannot use "${dataDir}": a server already does, pid ${pid}`,
    {
      hint: "Stop it first, or choose another directory with --data-dir",
    },
  );
}
