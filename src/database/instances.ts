// The table of registered instances: the wanted state of each, and the process that it last had.
import type { Database } from "bun:sqlite";
import type { Endpoint } from "../core/endpoint.ts";
import { type ErrorCode, isErrorCode } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import type { ChildRef } from "../core/life/instance.ts";
import type { Wanted } from "../core/life/report.ts";
import type { InstanceRef, Slot } from "../core/ref.ts";

/** The process of an instance, so that the next server can take it over. */
export interface ChildRecord {
  readonly child: ChildRef;
  readonly slot: Slot;
  readonly port: number;
  /** An earlier version gave none. */
  readonly extraPorts?: readonly number[];
  readonly socketPath: string;
  /** Null until it is ready. */
  readonly endpoint: Endpoint | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Hash of the configuration that the process keeps until it ends; an earlier version did not record it. */
  readonly shape?: string | null;
}

export interface InstanceRow {
  readonly ref: InstanceRef;
  readonly wanted: Wanted;
  /** Why it failed, or why the server stopped it. */
  readonly failure: Failure | null;
  readonly weight: number;
  readonly env: Readonly<Record<string, string>>;
  /** Created by a single request, and not used since. */
  readonly provisional: boolean;
  /** The process that serves, or is to serve. */
  readonly child: ChildRecord | null;
  /** A second process beside it, which is starting or ending. */
  readonly second: ChildRecord | null;
}

interface Raw {
  service: string;
  id: string;
  wanted: Wanted;
  reason: string | null;
  hint: string | null;
  code: string | null;
  weight: number;
  env: string;
  invented: number;
  child: string | null;
  other: string | null;
}

const KEY = "WHERE service = ? AND id = ?";

export class InstanceTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  list(): readonly InstanceRow[] {
    return this.#database
      .query<Raw, []>(
        "SELECT service, id, wanted, reason, hint, code, weight, env, invented, child, other FROM instances ORDER BY service, id",
      )
      .all()
      .map(readRow);
  }

  insert(row: Omit<InstanceRow, "child" | "second" | "failure">): void {
    const { ref, wanted, weight, env, provisional } = row;
    this.#database.run(
      "INSERT INTO instances (service, id, wanted, weight, env, invented) VALUES (?, ?, ?, ?, ?, ?)",
      [ref.service, ref.id, wanted, weight, JSON.stringify(env), provisional],
    );
  }

  setWanted(ref: InstanceRef, { wanted, failure }: Pick<InstanceRow, "wanted" | "failure">): void {
    const { reason = null, hint = null, code = null } = failure ?? {};
    this.#update(ref, "wanted = ?, reason = ?, hint = ?, code = ?", wanted, reason, hint, code);
  }

  /** It is no longer provisional. */
  keep(ref: InstanceRef): void {
    this.#update(ref, "invented = ?", 0);
  }

  setWeight(ref: InstanceRef, weight: number): void {
    this.#update(ref, "weight = ?", weight);
  }

  setEnv(ref: InstanceRef, env: Readonly<Record<string, string>>): void {
    this.#update(ref, "env = ?", JSON.stringify(env));
  }

  /** Sets both at once, so that after a crash of the server it is known which process serves. */
  setChildren(ref: InstanceRef, { child, second }: Pick<InstanceRow, "child" | "second">): void {
    this.#update(ref, "child = ?, other = ?", writeChild(child), writeChild(second));
  }

  /** Makes all changes of `write`, to any table of the database, or none. */
  together(write: () => void): void {
    this.#database.transaction(write).immediate();
  }

  delete(ref: InstanceRef): void {
    this.#database.run(`DELETE FROM instances ${KEY}`, [ref.service, ref.id]);
  }

  #update(ref: InstanceRef, assignments: string, ...values: (string | number | null)[]): void {
    this.#database.run(`UPDATE instances SET ${assignments} ${KEY}`, [
      ...values,
      ref.service,
      ref.id,
    ]);
  }
}

function readRow({
  service,
  id,
  wanted,
  weight,
  env,
  invented,
  child,
  other,
  ...rest
}: Raw): InstanceRow {
  return {
    ref: { service, id },
    wanted,
    failure: readFailure({ wanted, ...rest }),
    weight,
    env: JSON.parse(env) as Record<string, string>,
    provisional: invented === 1,
    child: readChild(child),
    second: readChild(other),
  };
}

/** An earlier version kept the reason alone, a later one may know other codes. */
function readFailure({
  wanted,
  reason,
  hint,
  code,
}: Pick<Raw, "wanted" | "reason" | "hint" | "code">): Failure | null {
  if (reason === null) return null;
  const usual: ErrorCode = wanted === "failed" ? "START_FAILED" : "INSTANCE_UNAVAILABLE";
  return { code: code !== null && isErrorCode(code) ? code : usual, reason, hint };
}

function readChild(text: string | null): ChildRecord | null {
  return text === null ? null : (JSON.parse(text) as ChildRecord);
}

function writeChild(child: ChildRecord | null): string | null {
  return child === null ? null : JSON.stringify(child);
}
