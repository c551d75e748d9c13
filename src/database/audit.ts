// The audit trail: time, actor, action, subject and outcome of every change.
import type { Database } from "bun:sqlite";
import { messageOf, TenError } from "../core/errors.ts";

/** Rows kept: years of an operator's work, a few megabytes. */
const ROWS_MAX = 100_000;

export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** "socket" for a caller on the Unix socket, "token 3", "server". */
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  /** "done", or the code of the error. */
  readonly outcome: string;
}

export class AuditTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Throws STORAGE_FAILED. */
  record(entry: AuditEntry): void {
    try {
      this.#insert(entry);
    } catch (cause) {
      const { action, subject } = entry;
      const message = `Cannot record "${action}" of "${subject}": ${messageOf(cause)}`;
      throw new TenError("STORAGE_FAILED", message, { cause });
    }
  }

  /** Newest first. */
  list(limit: number): readonly AuditEntry[] {
    return this.#database
      .query<AuditEntry, [number]>(
        "SELECT at, actor, action, subject, outcome FROM audit ORDER BY id DESC LIMIT ?",
      )
      .all(limit);
  }

  #insert({ at, actor, action, subject, outcome }: AuditEntry): void {
    const { lastInsertRowid } = this.#database.run(
      "INSERT INTO audit (at, actor, action, subject, outcome) VALUES (?, ?, ?, ?, ?)",
      [at, actor, action, subject, outcome],
    );
    this.#database.run("DELETE FROM audit WHERE id <= ?", [Number(lastInsertRowid) - ROWS_MAX]);
  }
}

/** The outcome of a change that failed. */
export function outcomeOf(thrown: unknown): string {
  return thrown instanceof TenError ? thrown.code : "FAILED";
}
