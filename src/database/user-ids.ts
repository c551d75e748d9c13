// The table of user ids: as root each walled instance has its own, and keeps it as long as its data.
import type { Database } from "bun:sqlite";
import { FailureError } from "../core/failure.ts";
import type { InstanceRef } from "../core/ref.ts";
import { USER_ID_MAX, USER_ID_MIN } from "../core/walls.ts";

const LOWEST_FREE = `
  INSERT INTO user_ids (uid, service, id)
  SELECT min(uid), ?, ? FROM (
    SELECT ${USER_ID_MIN} AS uid UNION ALL SELECT uid + 1 FROM user_ids
  ) WHERE uid NOT IN (SELECT uid FROM user_ids)`;

export class UserIdTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The instance's id, the lowest free one where it has none yet. Throws LEVEL_MISSING when all are taken. */
  take({ service, id }: InstanceRef): number {
    return this.find({ service, id }) ?? this.#add({ service, id });
  }

  /** Releases the id of an instance, once no file on disk belongs to it. */
  release({ service, id }: InstanceRef): void {
    this.#database.run("DELETE FROM user_ids WHERE service = ? AND id = ?", [service, id]);
  }

  find({ service, id }: InstanceRef): number | null {
    const found = this.#database
      .query<{ uid: number }, [string, string]>(
        "SELECT uid FROM user_ids WHERE service = ? AND id = ?",
      )
      .get(service, id);
    return found?.uid ?? null;
  }

  #add(ref: InstanceRef): number {
    const added = this.#database
      .query<{ uid: number }, [string, string]>(`${LOWEST_FREE} RETURNING uid`)
      .get(ref.service, ref.id);
    const uid = added?.uid ?? USER_ID_MAX + 1;
    if (uid <= USER_ID_MAX) return uid;
    this.release(ref);
    throw new FailureError({
      code: "LEVEL_MISSING",
      reason: `all ${USER_ID_MAX - USER_ID_MIN + 1} user ids are taken`,
      hint: "Remove instances that are no longer needed with: ten rm --purge",
    });
  }
}
