// logs.db: what tenants wrote, searchable by words. Used from one worker thread. Lines are kept in segments:
// dropping the oldest gives its space back in milliseconds, deleting line by line would take seconds.
import { Database } from "bun:sqlite";
import { renameSync, rmSync } from "node:fs";
import type { InstanceRef } from "../../core/ref.ts";
import { parseLogQuery } from "../query.ts";
import { LogSegment } from "./segment.ts";
import { type ArchiveFilter, type ArchiveLine, LogSources, SOURCE_SCHEMA } from "./sources.ts";

/** Up to which record of which journal everything is stored. */
export interface ArchiveMark {
  readonly journal: string;
  readonly seq: number;
}

export interface ArchiveOptions {
  readonly file: string;
  readonly retentionMs: number;
  /** Of the database and what SQLite keeps beside it. */
  readonly maxBytes: number;
}

interface SegmentRow {
  readonly id: number;
  readonly first_at: number;
  readonly last_at: number;
  /** Bytes that the database used when the segment was added. */
  readonly used_before: number;
}

/** What is kept is given back in this many parts, by size and by time. */
const SEGMENTS_KEPT = 16;
/** Left for the write-ahead log; of a small archive, a quarter. */
const RESERVE_BYTES_MAX = 16 * 1024 * 1024;
/** A segment without a line takes some 50 KiB already. */
const SEGMENT_BYTES_MIN = 128 * 1024;
/** Lines deleted, or pages given back, at a time: a few milliseconds. */
const SLICE_LINES = 500;
const SLICE_PAGES = 256;
/** The write-ahead log is emptied into the database at about this size, SQLite's default. */
const WAL_BYTES_MAX = 4 * 1024 * 1024;
/** Somebody else's lock is waited for this long; then the lines stay in the queue for a while. */
const BUSY_TIMEOUT_MS = 20;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, used_before INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY CHECK (id = 0), journal TEXT NOT NULL, seq INTEGER NOT NULL);
`;

export class LogArchive {
  readonly #db: Database;
  readonly #options: ArchiveOptions;
  readonly #budgetBytes: number;
  readonly #segmentBytes: number;
  readonly #sources: LogSources;
  #nextId: number;

  /** Opens or makes the database; throws SQLite's own errors. */
  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#budgetBytes = options.maxBytes - Math.min(options.maxBytes / 4, RESERVE_BYTES_MAX);
    this.#segmentBytes = Math.max(this.#budgetBytes / SEGMENTS_KEPT, SEGMENT_BYTES_MIN);
    this.#db = openDatabase(options);
    try {
      this.#sources = new LogSources(this.#db);
      this.#nextId = 1 + Math.max(0, ...this.#segments().map(({ id }) => this.#open(id).lastId()));
    } catch (thrown) {
      this.#db.close();
      throw thrown;
    }
  }

  /** Up to where everything is stored; null in a new database. */
  mark(): ArchiveMark | null {
    return this.#db.query<ArchiveMark, []>("SELECT journal, seq FROM mark").get();
  }

  /**
   * Stores lines, and that everything up to `mark` is stored, in one transaction.
   * Throws SQLite's own errors; then nothing is stored, and the archive has to be opened anew.
   */
  append(lines: readonly ArchiveLine[], mark: ArchiveMark): void {
    this.#db.transaction(() => {
      const lastAt = lines.reduce((latest, { at }) => Math.max(latest, at), 0);
      const segment = this.#segmentFor(lastAt);
      const rows = lines.map(({ at, ref, stream, text }, index) => ({
        id: this.#nextId + index,
        at,
        source: this.#sources.numberOf({ ref, stream }),
        text,
      }));
      segment.insert(rows);
      this.#nextId += rows.length;
      this.#db
        .query("UPDATE segment SET last_at = max(last_at, ?) WHERE id = ?")
        .run(lastAt, segment.id);
      this.#db
        .query("INSERT OR REPLACE INTO mark (id, journal, seq) VALUES (0, ?, ?)")
        .run(mark.journal, mark.seq);
    })();
  }

  /**
   * Finds the newest `limit` lines that match. Each step searches one segment and yields what it holds, newest first,
   * so that other work can be done in between.
   * @param now milliseconds since the epoch
   */
  *search(
    filter: ArchiveFilter,
    { limit, now }: { limit: number; now: number },
  ): Generator<readonly ArchiveLine[]> {
    const since = Math.max(filter.since ?? 0, now - this.#options.retentionMs);
    const query = parseLogQuery(filter.search ?? "");
    let left = limit;
    for (const { id, last_at } of this.#segments()) {
      if (left <= 0) return;
      if (last_at < since || !this.#exists(id)) continue;
      const sources = this.#sources.matching(filter);
      const lines = this.#open(id)
        .search({ query, sources, since, limit: left })
        .flatMap(({ at, source, text }) => {
          const known = this.#sources.get(source);
          return known === undefined ? [] : [{ at, ...known, text }];
        });
      left -= lines.length;
      yield lines;
    }
  }

  /** Hides the lines of an instance at once; `trim` deletes them bit by bit. */
  forget(ref: InstanceRef): void {
    this.#db.transaction(() => this.#sources.forget(ref))();
  }

  /**
   * Does a few milliseconds' worth of what retention and `forget` have left to do; true when there may be more.
   * @param now milliseconds since the epoch
   */
  trim(now: number): boolean {
    return this.#dropOldest(now) || this.#deleteForgotten() || this.#shrinkFile();
  }

  close(): void {
    this.#db.close();
  }

  #open(segment: number): LogSegment {
    return new LogSegment(this.#db, segment);
  }

  /** Newest first. */
  #segments(): SegmentRow[] {
    return this.#db.query<SegmentRow, []>("SELECT * FROM segment ORDER BY id DESC").all();
  }

  #exists(segment: number): boolean {
    return this.#db.query("SELECT 1 FROM segment WHERE id = ?").get(segment) !== null;
  }

  /** The segment that takes new lines: the newest, or another once that is full or spans too long a time. */
  #segmentFor(at: number): LogSegment {
    const [newest] = this.#segments();
    const used = this.#usedBytes();
    if (newest !== undefined) {
      const spanMs = at - newest.first_at;
      const isFull = used - newest.used_before >= this.#segmentBytes;
      if (!isFull && spanMs < this.#options.retentionMs / SEGMENTS_KEPT)
        return this.#open(newest.id);
    }
    this.#db
      .query("INSERT INTO segment (first_at, last_at, used_before) VALUES (?1, ?1, ?2)")
      .run(at, used);
    const segment = this.#open(this.#number("SELECT max(id) FROM segment"));
    segment.create();
    return segment;
  }

  #dropOldest(now: number): boolean {
    const oldest = this.#segments().at(-1);
    if (oldest === undefined) return false;
    const isExpired = oldest.last_at < now - this.#options.retentionMs;
    if (!isExpired && this.#usedBytes() <= this.#budgetBytes) return false;
    this.#db.transaction(() => {
      const usedBefore = this.#usedBytes();
      this.#open(oldest.id).drop();
      this.#db.query("DELETE FROM segment WHERE id = ?").run(oldest.id);
      // What a segment has grown by is counted from what was used before it.
      this.#db
        .query("UPDATE segment SET used_before = used_before - ?")
        .run(usedBefore - this.#usedBytes());
    })();
    return true;
  }

  #deleteForgotten(): boolean {
    const source = this.#sources.forgotten();
    if (source === null) return false;
    this.#db.transaction(() => {
      let left = SLICE_LINES;
      for (const { id } of this.#segments()) {
        left -= this.#open(id).deleteLines(source, left);
        if (left === 0) return;
      }
      this.#sources.erase(source);
    })();
    return true;
  }

  /** Gives free pages back to the disk, except for as many as the next segment will take. */
  #shrinkFile(): boolean {
    const freeBytes = this.#number("PRAGMA freelist_count") * this.#number("PRAGMA page_size");
    if (freeBytes <= this.#segmentBytes * 2) return false;
    this.#db.run(`PRAGMA incremental_vacuum(${SLICE_PAGES})`);
    return true;
  }

  #usedBytes(): number {
    const pages = this.#number("PRAGMA page_count") - this.#number("PRAGMA freelist_count");
    return pages * this.#number("PRAGMA page_size");
  }

  #number(sql: string): number {
    const row = this.#db.query<Record<string, number>, []>(sql).get();
    return Object.values(row ?? {})[0] ?? 0;
  }
}

/** Puts a database that can't be read out of the way, with what SQLite keeps beside it; returns its new name. */
export function setAside(file: string, now: number): string {
  const aside = `${file}.broken-${now}`;
  renameSync(file, aside);
  for (const suffix of ["-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  return aside;
}

function openDatabase({ file, maxBytes }: ArchiveOptions): Database {
  const db = new Database(file, { create: true, strict: true });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    const isNew = db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null;
    // Only before there are tables; later it would do nothing but ask for a lock.
    if (isNew) db.run("PRAGMA auto_vacuum = INCREMENTAL");
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = NORMAL");
    const walBytes = Math.min(maxBytes / 16, WAL_BYTES_MAX);
    db.run(`PRAGMA journal_size_limit = ${Math.floor(walBytes)}`);
    db.run(`PRAGMA wal_autocheckpoint = ${Math.ceil(walBytes / 4096)}`);
    db.run("PRAGMA cache_size = -4096");
    db.run(SOURCE_SCHEMA);
    db.run(SCHEMA);
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}
