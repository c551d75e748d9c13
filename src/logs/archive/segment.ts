// One segment of the archive: a table of lines, the full-text index of their words, and the search in both.
import type { Database } from "bun:sqlite";
import type { LogQuery } from "../search-query.ts";
import { type FoundRows, fill, floorOf, type LineRow, merge, type Room } from "./found-rows.ts";

export interface SegmentSearch {
  readonly query: LogQuery;
  /** Only these sources; null: all. */
  readonly sources: readonly number[] | null;
  readonly since: number;
  /** Only lines with lower ids. */
  readonly before: number;
  /** Only lines with higher ids. */
  readonly floor: number;
  readonly room: Room;
}

/** Up to this many sources are looked up in the index of words; more are compared line by line. */
const ORIGINS_MAX = 32;

export class LogSegment {
  readonly id: number;
  readonly #db: Database;
  readonly #lines: string;
  readonly #words: string;

  constructor(db: Database, id: number) {
    this.id = id;
    this.#db = db;
    this.#lines = `line_${id}`;
    this.#words = `words_${id}`;
  }

  create(): void {
    this.#db.run(
      `CREATE TABLE ${this.#lines} (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, source INTEGER NOT NULL, text TEXT NOT NULL)`,
    );
    this.#db.run(`CREATE INDEX ${this.#lines}_source ON ${this.#lines} (source)`);
    // `origin` names the source, so that words and source are found in one lookup. The index stores no text.
    this.#db.run(`CREATE VIRTUAL TABLE ${this.#words} USING fts5(text, origin, content='')`);
  }

  drop(): void {
    this.#db.run(`DROP TABLE ${this.#words}`);
    this.#db.run(`DROP TABLE ${this.#lines}`);
  }

  /** The newest line's id; 0 when there is none. */
  lastId(): number {
    using select = this.#db.prepare<{ id: number | null }, []>(
      `SELECT max(id) AS id FROM ${this.#lines}`,
    );
    return select.get()?.id ?? 0;
  }

  /** The oldest line's id; 0 when there is none. */
  firstId(): number {
    using select = this.#db.prepare<{ id: number | null }, []>(
      `SELECT min(id) AS id FROM ${this.#lines}`,
    );
    return select.get()?.id ?? 0;
  }

  /** The lines with ids above `after`, up to `last`, of all sources but some. */
  rowsExcept(
    sources: ReadonlySet<number>,
    { after, last }: { after: number; last: number },
  ): LineRow[] {
    using select = this.#db.prepare<LineRow, [number, number, string]>(
      `SELECT * FROM ${this.#lines} WHERE id > ? AND id <= ?
       AND source NOT IN (SELECT value FROM json_each(?)) ORDER BY id`,
    );
    return select.all(after, last, JSON.stringify([...sources]));
  }

  insert(rows: readonly LineRow[]): void {
    using line = this.#db.prepare(`INSERT INTO ${this.#lines} VALUES (?, ?, ?, ?)`);
    using words = this.#db.prepare(
      `INSERT INTO ${this.#words} (rowid, text, origin) VALUES (?, ?, ?)`,
    );
    for (const { id, at, source, text } of rows) {
      line.run(id, at, source, text);
      words.run(id, text, originOf(source));
    }
  }

  /** The newest matching lines, newest first. */
  search(search: SegmentSearch): FoundRows {
    const { query, sources, room } = search;
    if (sources?.length === 0) return { rows: [], left: room, isCut: false };
    if (query.match !== null) return this.#searchWords(search, query.match);
    if (sources === null) return this.#scan(search);
    let found: FoundRows = { rows: [], left: room, isCut: false };
    for (const source of sources) {
      const above = Math.max(search.floor, floorOf(found));
      const more = this.#scan(search, { source, above });
      if (more.rows.length > 0) found = merge(found, more, room);
    }
    return found;
  }

  /** Deletes at most `limit` lines of a source; returns how many. */
  deleteLines(source: number, limit: number): number {
    using select = this.#db.prepare<LineRow, [number, number]>(
      `SELECT * FROM ${this.#lines} WHERE source = ? LIMIT ?`,
    );
    // An index without text needs the old text to delete an entry.
    using unindex = this.#db.prepare(
      `INSERT INTO ${this.#words} (${this.#words}, rowid, text, origin) VALUES ('delete', ?, ?, ?)`,
    );
    using remove = this.#db.prepare(`DELETE FROM ${this.#lines} WHERE id = ?`);
    const rows = select.all(source, limit);
    for (const { id, text } of rows) {
      unindex.run(id, text, originOf(source));
      remove.run(id);
    }
    return rows.length;
  }

  #scan(
    { query, since, before, floor, room }: SegmentSearch,
    from?: { source: number; above: number },
  ): FoundRows {
    const only = from === undefined ? "?3 = 0" : "source = ?3";
    using select = this.#db.prepare<LineRow, [number, string, number, number, number, number]>(
      `SELECT * FROM ${this.#lines} WHERE at >= ?1 AND ${hasSymbols(this.#lines)} AND ${only} AND id > ?4 AND id < ?6
       ORDER BY id DESC LIMIT ?5`,
    );
    const { source, above } = from ?? { source: 0, above: floor };
    const symbols = JSON.stringify(query.symbols);
    return fill(select.iterate(since, symbols, source, above, room.limit, before), room);
  }

  #searchWords(search: SegmentSearch, match: string): FoundRows {
    const { query, sources, since, before, floor, room } = search;
    const [lines, words] = [this.#lines, this.#words];
    using select = this.#db.prepare<
      LineRow,
      [number, string, string, string | null, number, number, number]
    >(
      `SELECT ${lines}.* FROM ${words} JOIN ${lines} ON id = ${words}.rowid
       WHERE ${words} MATCH ?3 AND at >= ?1 AND ${hasSymbols(lines)}
       AND (?4 IS NULL OR source IN (SELECT value FROM json_each(?4))) AND ${words}.rowid > ?7
       AND ${words}.rowid < ?6
       ORDER BY ${words}.rowid DESC LIMIT ?5`,
    );
    const symbols = JSON.stringify(query.symbols);
    const allowed = sources === null ? null : JSON.stringify(sources);
    const expressed = expression(match, sources);
    return fill(
      select.iterate(since, symbols, expressed, allowed, room.limit, before, floor),
      room,
    );
  }
}

/** Parameter 2: the symbols. */
function hasSymbols(table: string): string {
  return `NOT EXISTS (SELECT 1 FROM json_each(?2) WHERE instr(${table}.text, value) = 0)`;
}

function originOf(source: number): string {
  return `s${source}`;
}

function expression(match: string, sources: readonly number[] | null): string {
  const words = `{text} : (${match})`;
  if (sources === null || sources.length > ORIGINS_MAX) return words;
  return `${words} AND {origin} : (${sources.map((source) => `"${originOf(source)}"`).join(" OR ")})`;
}
