// The archive, logs.db: stores log lines, and searches them by instance, time and words. Used from the worker thread.
import { Database } from "bun:sqlite";
import { renameSync, rmSync } from "node:fs";
import type { InstanceRef } from "../../core/ref.ts";
import type { LogFilter, LogLine } from "../line.ts";
import { parseLogQuery } from "../search-query.ts";
import type { LineRow } from "./found-rows.ts";
import { HOLDING_SCHEMA, LogHoldings } from "./holdings.ts";
import { Retention, type RetentionLimits, segmentLimitsOf } from "./retention.ts";
import { SEGMENT_SCHEMA, SegmentList } from "./segment-list.ts";
import { LogSources, SOURCE_SCHEMA } from "./sources.ts";

/** The record of the journal up to which every line is stored. */
export interface ArchiveMark {
  readonly journal: string;
  readonly seq: number;
}

export interface ArchiveOptions extends RetentionLimits {
  readonly file: string;
}

/** The write-ahead log is emptied into the database at about this size, SQLite's default. */
const WAL_BYTES_MAX = 4 * 1024 * 1024;
/** Another process's lock is waited for this long; then the lines stay in the queue for a while. */
const BUSY_TIMEOUT_MS = 20;

const MARK_SCHEMA = `
  CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY CHECK (id = 0), journal TEXT NOT NULL, seq INTEGER NOT NULL);
`;

/** Lines are in segments: a segment is dropped in milliseconds, where deleting its lines would take seconds. */
export class LogArchive {
  readonly #db: Database;
  readonly #options: ArchiveOptions;
  readonly #segments: SegmentList;
  readonly #sources: LogSources;
  readonly #holdings: LogHoldings;
  readonly #retention: Retention;
  #nextId: number;

  /** Opens or creates the database; throws SQLite's own errors. */
  constructor(options: ArchiveOptions) {
    const db = openDatabase(options);
    this.#options = options;
    this.#db = db;
    try {
      const segments = new SegmentList(db, segmentLimitsOf(options));
      const sources = new LogSources(db);
      this.#segments = segments;
      this.#sources = sources;
      const holdings = new LogHoldings(db);
      this.#holdings = holdings;
      this.#retention = new Retention({ db, limits: options, segments, sources, holdings });
      this.#nextId =
        1 + Math.max(0, ...segments.rows().map(({ id }) => segments.open(id).lastId()));
    } catch (thrown) {
      db.close();
      throw thrown;
    }
  }

  /** Null in a new database. */
  mark(): ArchiveMark | null {
    return this.#db.query<ArchiveMark, []>("SELECT journal, seq FROM mark").get();
  }

  /**
   * Stores the lines and the mark in one transaction.
   * Throws SQLite's own errors; then nothing is stored, and the archive has to be opened again.
   */
  append(lines: readonly LogLine[], mark: ArchiveMark): void {
    this.#db.transaction(() => {
      const lastAt = lines.reduce((latest, { at }) => Math.max(latest, at), 0);
      const segment = this.#segments.writable(lastAt, this.#nextId);
      const rows = lines.map(({ at, text, ...source }, index) => ({
        id: this.#nextId + index,
        at,
        source: this.#sources.numberOf(source),
        text,
      }));
      segment.insert(rows);
      this.#holdings.add(segment.id, rows);
      this.#nextId += rows.length;
      this.#segments.extend(segment.id, lastAt);
      this.#db
        .query("INSERT OR REPLACE INTO mark (id, journal, seq) VALUES (0, ?, ?)")
        .run(mark.journal, mark.seq);
    })();
  }

  /**
   * Finds the newest lines that match, up to `limit` lines and `bytes` of JSON. Each step searches one segment and
   * yields its matches, newest first, so that other work can be done in between.
   * @param now milliseconds since the epoch
   * @returns the place before which lines were left out for their size; null: none were
   */
  *search(
    filter: LogFilter,
    { limit, bytes, now }: { limit: number; bytes: number; now: number },
  ): Generator<readonly LogLine[], number | null> {
    const since = Math.max(filter.since ?? 0, now - this.#options.retentionMs);
    const query = parseLogQuery(filter.search ?? "");
    let room = { limit, bytes };
    let before = filter.before ?? Number.MAX_SAFE_INTEGER;
    // The next segment is looked up after each step, since some may have gone or come meanwhile.
    let segment = this.#segments.newest();
    for (; segment !== null; segment = this.#segments.before(segment)) {
      if (room.limit <= 0) return null;
      if (segment.last_at < since) continue;
      const sources = this.#sources.matching(filter);
      const floor = this.#segments.floorOf(segment);
      const range = { since, before, floor };
      const found = this.#segments.open(segment.id).search({ query, sources, ...range, room });
      yield this.#linesOf(found.rows);
      before = found.rows.at(-1)?.id ?? before;
      if (found.isCut) return before;
      room = found.left;
    }
    return null;
  }

  #linesOf(rows: readonly LineRow[]): readonly LogLine[] {
    return rows.flatMap(({ at, source, text }) => {
      const known = this.#sources.get(source);
      return known === undefined ? [] : [{ at, ...known, text }];
    });
  }

  /** Hides the lines of an instance at once; `trim` deletes them step by step. */
  forget(ref: InstanceRef): void {
    this.#db.transaction(() => this.#sources.forget(ref))();
  }

  /**
   * Works for a few milliseconds on retention and on forgotten lines; true when there may be more to do.
   * @param now milliseconds since the epoch
   */
  trim(now: number): boolean {
    return this.#retention.trim(now);
  }

  close(): void {
    this.#db.close();
  }
}

/** Renames a database that can't be read and removes the files that SQLite kept beside it; returns its new name. */
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
    // Has an effect only before there are tables; later it would only ask for a lock.
    if (isNew) db.run("PRAGMA auto_vacuum = INCREMENTAL");
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = NORMAL");
    const walBytes = Math.min(maxBytes / 16, WAL_BYTES_MAX);
    db.run(`PRAGMA journal_size_limit = ${Math.floor(walBytes)}`);
    db.run(`PRAGMA wal_autocheckpoint = ${Math.ceil(walBytes / 4096)}`);
    db.run("PRAGMA cache_size = -4096");
    db.run(SOURCE_SCHEMA);
    db.run(SEGMENT_SCHEMA);
    db.run(HOLDING_SCHEMA);
    db.run(MARK_SCHEMA);
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}
