// The segments of the archive, newest first: begins a new one when the newest is full or spans too long a time.
import type { Database } from "bun:sqlite";
import { usedBytes } from "./file-size.ts";
import { LogSegment } from "./segment.ts";

export interface SegmentRow {
  readonly id: number;
  readonly first_at: number;
  readonly last_at: number;
  /** Bytes that the database used when the segment was added. */
  readonly used_before: number;
}

/** When a segment is full. */
export interface SegmentLimits {
  readonly bytes: number;
  readonly spanMs: number;
}

export const SEGMENT_SCHEMA = `
  CREATE TABLE IF NOT EXISTS segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, used_before INTEGER NOT NULL
  );
`;

export class SegmentList {
  readonly #db: Database;
  readonly #limits: SegmentLimits;

  constructor(db: Database, limits: SegmentLimits) {
    this.#db = db;
    this.#limits = limits;
  }

  /** Newest first. */
  rows(): SegmentRow[] {
    return this.#db.query<SegmentRow, []>("SELECT * FROM segment ORDER BY id DESC").all();
  }

  has(id: number): boolean {
    return this.#db.query("SELECT 1 FROM segment WHERE id = ?").get(id) !== null;
  }

  open(id: number): LogSegment {
    return new LogSegment(this.#db, id);
  }

  /**
   * The segment for lines of which the newest is of this time.
   * @param at milliseconds since the epoch
   */
  writable(at: number): LogSegment {
    const [newest] = this.rows();
    const used = usedBytes(this.#db);
    if (newest === undefined || this.#isFull(newest, { at, used })) return this.#add(at, used);
    return this.open(newest.id);
  }

  /** Records that a segment holds a line of this time. */
  extend(id: number, at: number): void {
    this.#db.query("UPDATE segment SET last_at = max(last_at, ?) WHERE id = ?").run(at, id);
  }

  drop(id: number): void {
    const before = usedBytes(this.#db);
    this.open(id).drop();
    this.#db.query("DELETE FROM segment WHERE id = ?").run(id);
    // The growth of each remaining segment is counted from the bytes that were used before it.
    this.#db
      .query("UPDATE segment SET used_before = used_before - ?")
      .run(before - usedBytes(this.#db));
  }

  #isFull(segment: SegmentRow, { at, used }: { at: number; used: number }): boolean {
    const { bytes, spanMs } = this.#limits;
    return used - segment.used_before >= bytes || at - segment.first_at >= spanMs;
  }

  #add(at: number, used: number): LogSegment {
    const { lastInsertRowid } = this.#db
      .query("INSERT INTO segment (first_at, last_at, used_before) VALUES (?1, ?1, ?2)")
      .run(at, used);
    const segment = this.open(Number(lastInsertRowid));
    segment.create();
    return segment;
  }
}
