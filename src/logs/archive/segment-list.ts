// The segments of the archive, newest first: begins a new one when the newest is full or spans too long a time.
import type { Database } from "bun:sqlite";
import { assert } from "../../core/assert.ts";
import { usedBytes } from "./file-size.ts";
import { LogSegment } from "./segment.ts";

export interface SegmentRow {
  readonly id: number;
  readonly first_at: number;
  readonly last_at: number;
  /** Bytes that the database used when the segment was added. */
  readonly used_before: number;
  /** The order of the segments, by the ids of their lines. */
  readonly from_line: number;
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

const ORDER = "ORDER BY from_line DESC, id DESC";

export class SegmentList {
  readonly #db: Database;
  readonly #limits: SegmentLimits;

  constructor(db: Database, limits: SegmentLimits) {
    this.#db = db;
    this.#limits = limits;
    this.#addOrder();
  }

  /** Newest first. */
  rows(): SegmentRow[] {
    return this.#db.query<SegmentRow, []>(`SELECT * FROM segment ${ORDER}`).all();
  }

  newest(): SegmentRow | null {
    return this.#db.query<SegmentRow, []>(`SELECT * FROM segment ${ORDER} LIMIT 1`).get();
  }

  /** The next older one. */
  before({ from_line, id }: SegmentRow): SegmentRow | null {
    return this.#db
      .query<SegmentRow, [number, number]>(
        `SELECT * FROM segment WHERE (from_line, id) < (?, ?) ${ORDER} LIMIT 1`,
      )
      .get(from_line, id);
  }

  open(id: number): LogSegment {
    return new LogSegment(this.#db, id);
  }

  /** Lines of a segment up to this id are in the next older one: moved there while the segment is cleared. */
  floorOf(segment: SegmentRow): number {
    const older = this.before(segment);
    return older === null ? 0 : this.open(older.id).lastId();
  }

  /**
   * The segment for new lines.
   * @param at of the newest of them, milliseconds since the epoch
   * @param line id of the first of them
   */
  writable(at: number, line: number): LogSegment {
    const newest = this.newest();
    const used = usedBytes(this.#db);
    if (newest === null || this.#isFull(newest, { at, used })) {
      return this.#add({ at, used, line });
    }
    return this.open(newest.id);
  }

  /** No more lines are added to the newest segment. */
  close({ id }: SegmentRow): void {
    this.#db.query("UPDATE segment SET used_before = ? WHERE id = ?").run(-this.#limits.bytes, id);
  }

  /** The segment that takes lines which are kept from another: the next older one, or a new one where that is full. */
  keeperOf(segment: SegmentRow, isFull: (id: number) => boolean): SegmentRow {
    const older = this.before(segment);
    const spansLong = older !== null && segment.first_at - older.first_at >= this.#limits.spanMs;
    if (older !== null && !spansLong && !isFull(older.id)) return older;
    const line = segment.from_line - 1;
    this.#add({ at: segment.first_at, used: usedBytes(this.#db), line });
    const added = this.before(segment);
    assert(added !== null, "a segment was added");
    return added;
  }

  /** Performs a change of an older segment, whose growth is not that of the newest; returns the growth. */
  growOlder(change: () => void): number {
    const before = usedBytes(this.#db);
    change();
    const growth = usedBytes(this.#db) - before;
    this.#shift(growth);
    return growth;
  }

  /** Records that a segment holds a line of this time. */
  extend(id: number, at: number): void {
    this.#db.query("UPDATE segment SET last_at = max(last_at, ?) WHERE id = ?").run(at, id);
  }

  drop(id: number): void {
    const before = usedBytes(this.#db);
    this.open(id).drop();
    this.#db.query("DELETE FROM segment WHERE id = ?").run(id);
    this.#shift(usedBytes(this.#db) - before);
  }

  /** The growth of each segment is counted from the bytes that were used before it. */
  #shift(bytes: number): void {
    this.#db.query("UPDATE segment SET used_before = used_before + ?").run(bytes);
  }

  /** Databases of earlier versions lack the column. */
  #addOrder(): void {
    const columns = this.#db.query<{ name: string }, []>("PRAGMA table_info(segment)").all();
    if (columns.some(({ name }) => name === "from_line")) return;
    this.#db.run("ALTER TABLE segment ADD COLUMN from_line INTEGER NOT NULL DEFAULT 0");
    for (const { id } of this.#db.query<{ id: number }, []>("SELECT id FROM segment").all()) {
      this.#db
        .query("UPDATE segment SET from_line = ? WHERE id = ?")
        .run(this.open(id).firstId(), id);
    }
  }

  #isFull(segment: SegmentRow, { at, used }: { at: number; used: number }): boolean {
    const { bytes, spanMs } = this.#limits;
    return used - segment.used_before >= bytes || at - segment.first_at >= spanMs;
  }

  #add({ at, used, line }: { at: number; used: number; line: number }): LogSegment {
    const { lastInsertRowid } = this.#db
      .query(
        "INSERT INTO segment (first_at, last_at, used_before, from_line) VALUES (?1, ?1, ?2, ?3)",
      )
      .run(at, used, line);
    const segment = this.open(Number(lastInsertRowid));
    segment.create();
    return segment;
  }
}
