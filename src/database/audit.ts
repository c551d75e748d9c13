// The audit trail: time, actor, action, subject and outcome of every change, and the refused requests.
import type { Database } from "bun:sqlite";
import { messageOf, TenError } from "../core/errors.ts";

/** An operator's row is removed by nothing but its age. */
const AGE_MS_MAX = 365 * 24 * 60 * 60 * 1000;

/** Of one tenant's token, and of one actor's refusals; more remove the oldest of the same actor. About 100 KB. */
const ROWS_PER_ACTOR_MAX = 1000;

const MINUTE_MS = 60_000;

/**
 * Whose rows make room for a new one: an operator's or the server's own rows stay for a year, a tenant's rows push out
 * older ones of the same token, and refused requests older refusals of the same actor.
 */
export type AuditBudget = "operator" | "tenant" | "refused";

export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** "socket" for a caller on the Unix socket, "token 3", "shell" (`ten token` offline), "server", "stranger". */
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  /** "done", the code of the error, or why the server did it. */
  readonly outcome: string;
}

export interface AuditRow extends AuditEntry {
  /** The refusals of one actor and action within a minute are one row, with the time of the first. */
  readonly count: number;
}

export class AuditTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Throws STORAGE_FAILED. */
  record(entry: AuditEntry, budget: AuditBudget = "operator"): void {
    try {
      if (budget === "refused" && this.#join(entry)) return;
      this.#insert(entry, budget);
      this.#trim(entry, budget);
    } catch (cause) {
      const { action, subject } = entry;
      const message = `Cannot record "${action}" of "${subject}": ${messageOf(cause)}`;
      throw new TenError("STORAGE_FAILED", message, { cause });
    }
  }

  /** Newest first. */
  list(limit: number): readonly AuditRow[] {
    return this.#database
      .query<AuditRow, [number]>(
        "SELECT at, actor, action, subject, outcome, count FROM audit ORDER BY id DESC LIMIT ?",
      )
      .all(limit);
  }

  /** Counts a refusal in the row of its minute. False: there is none yet. */
  #join({ at, actor, action, subject }: AuditEntry): boolean {
    const { changes } = this.#database.run(
      `UPDATE audit SET count = count + 1, subject = iif(subject = ?, subject, 'several') WHERE id = (
         SELECT id FROM audit WHERE budget = 'refused' AND actor = ? AND action = ? AND at >= ?
         ORDER BY id DESC LIMIT 1)`,
      [subject, actor, action, at - (at % MINUTE_MS)],
    );
    return changes > 0;
  }

  #insert({ at, actor, action, subject, outcome }: AuditEntry, budget: AuditBudget): void {
    this.#database.run(
      "INSERT INTO audit (at, actor, action, subject, outcome, budget) VALUES (?, ?, ?, ?, ?, ?)",
      [at, actor, action, subject, outcome, budget],
    );
  }

  #trim({ at, actor }: AuditEntry, budget: AuditBudget): void {
    this.#database.run("DELETE FROM audit WHERE at < ?", [at - AGE_MS_MAX]);
    if (budget === "operator") return;
    this.#database.run(
      `DELETE FROM audit WHERE budget = ?1 AND actor = ?2 AND id <= (
         SELECT id FROM audit WHERE budget = ?1 AND actor = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)`,
      [budget, actor, ROWS_PER_ACTOR_MAX],
    );
  }
}

/** The outcome of a change that failed. */
export function outcomeOf(thrown: unknown): string {
  return thrown instanceof TenError ? thrown.code : "FAILED";
}
