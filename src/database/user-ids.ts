// The table of user ids: as root each walled instance has its own, and keeps it as long as its data.
import type { Database } from "bun:sqlite";
import { FailureError } from "../core/failure.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { HostUsers, UserIdRange } from "../core/user-id-ranges.ts";

export class UserIdTable {
  readonly #database: Database;
  readonly #seed: string;

  /** @param seed decides where in a range the first id is, so that two servers of a host seldom use the same ids */
  constructor(database: Database, seed: string) {
    this.#database = database;
    this.#seed = seed;
  }

  /**
   * The instance's id. Where it has none yet: an id that no instance has had, or else the one that was released first,
   * since files of its former instance may be left in write paths. Throws LEVEL_MISSING when all are taken.
   */
  take(ref: InstanceRef, users: HostUsers): number {
    return this.find(ref) ?? this.#add(ref, users);
  }

  /** The ids that instances have. */
  all(): readonly number[] {
    return this.#list("SELECT uid FROM user_ids");
  }

  /** Releases the id of an instance, once its data are deleted. */
  release({ service, id }: InstanceRef): void {
    this.#database.transaction(() => {
      const added =
        "INSERT INTO released_user_ids (uid) SELECT uid FROM user_ids WHERE service = ? AND id = ?";
      this.#database.run(added, [service, id]);
      this.#database.run("DELETE FROM user_ids WHERE service = ? AND id = ?", [service, id]);
    })();
  }

  find({ service, id }: InstanceRef): number | null {
    const found = this.#database
      .query<{ uid: number }, [string, string]>(
        "SELECT uid FROM user_ids WHERE service = ? AND id = ?",
      )
      .get(service, id);
    return found?.uid ?? null;
  }

  #add({ service, id }: InstanceRef, users: HostUsers): number {
    const uid = this.#findFree(users);
    this.#database.transaction(() => {
      this.#database.run("DELETE FROM released_user_ids WHERE uid = ?", [uid]);
      const added = "INSERT INTO user_ids (uid, service, id) VALUES (?, ?, ?)";
      this.#database.run(added, [uid, service, id]);
    })();
    return uid;
  }

  #findFree(users: HostUsers): number {
    const { range } = users;
    for (const uid of this.#candidates(range)) if (!users.isInUse(uid)) return uid;
    throw new FailureError({
      code: "LEVEL_MISSING",
      reason: `all ${range.last - range.first + 1} user ids are taken`,
      hint: "Remove instances that are no longer needed with: ten rm --purge",
    });
  }

  /** Ids that no instance has, the longest unused first. */
  *#candidates(range: UserIdRange): Generator<number> {
    const released = this.#list("SELECT uid FROM released_user_ids ORDER BY sequence");
    const given = new Set([...this.all(), ...released]);
    for (const uid of ring(range, this.#seed)) if (!given.has(uid)) yield uid;
    yield* released.filter((uid) => uid >= range.first && uid <= range.last);
  }

  #list(query: string): readonly number[] {
    const rows = this.#database.query<{ uid: number }, []>(query).all();
    return rows.map(({ uid }) => uid);
  }
}

/** All ids of a range, from one that the seed decides. */
function* ring({ first, last }: UserIdRange, seed: string): Generator<number> {
  const count = last - first + 1;
  const start = Number(Bun.hash.crc32(seed) % count);
  for (let index = 0; index < count; index++) yield first + ((start + index) % count);
}
