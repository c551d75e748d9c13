// The bytes that each source has in each segment of the archive, by which eviction finds who holds most.
import type { Database } from "bun:sqlite";
import type { LineRow } from "./found-rows.ts";

export const HOLDING_SCHEMA = `
  CREATE TABLE IF NOT EXISTS holding (
    segment INTEGER NOT NULL, source INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (segment, source)
  ) WITHOUT ROWID;
`;

/** The bytes of a line beside its text, in its table and in the indexes. */
const LINE_BYTES = 64;

export class LogHoldings {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  add(segment: number, rows: readonly LineRow[]): void {
    const added = new Map<number, number>();
    for (const { source, text } of rows) {
      added.set(source, (added.get(source) ?? 0) + LINE_BYTES + text.length);
    }
    const add = this.#db.query(
      "INSERT INTO holding VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
    );
    for (const [source, bytes] of added) add.run(segment, source, bytes);
  }

  of(segment: number): Map<number, number> {
    const rows = this.#db
      .query<{ source: number; bytes: number }, [number]>(
        "SELECT source, bytes FROM holding WHERE segment = ?",
      )
      .all(segment);
    return new Map(rows.map(({ source, bytes }) => [source, bytes]));
  }

  /** Of all sources. */
  total(segment: number): number {
    const row = this.#db
      .query<{ bytes: number | null }, [number]>(
        "SELECT sum(bytes) AS bytes FROM holding WHERE segment = ?",
      )
      .get(segment);
    return row?.bytes ?? 0;
  }

  dropSegment(segment: number): void {
    this.#db.query("DELETE FROM holding WHERE segment = ?").run(segment);
  }

  dropSource(source: number): void {
    this.#db.query("DELETE FROM holding WHERE source = ?").run(source);
  }
}
