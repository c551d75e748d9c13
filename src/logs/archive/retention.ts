// Retention of the archive: drops segments by age and size, keeps lines of quiet instances, shrinks the file.
import type { Database } from "bun:sqlite";
import { type Eviction, planEviction, sumOf } from "./eviction.ts";
import { freeBytes, usedBytes } from "./file-size.ts";
import type { LineRow } from "./found-rows.ts";
import type { LogHoldings } from "./holdings.ts";
import type { SegmentLimits, SegmentList, SegmentRow } from "./segment-list.ts";
import type { LogSources } from "./sources.ts";

/** The archive is divided into this many segments, by size and by time; one at a time is dropped. */
const SEGMENTS_KEPT = 16;
/** Left for the write-ahead log; of a small archive, a quarter. */
const RESERVE_BYTES_MAX = 16 * 1024 * 1024;
/** A segment without a line takes some 50 KiB already. */
const SEGMENT_BYTES_MIN = 128 * 1024;
/** A segment is about this many times as large as the text in it: the rest is indexes. */
const TEXT_PART = 2;
/** Lines deleted or moved, or pages released, at a time: a few milliseconds. */
const SLICE_LINES = 500;
const SLICE_PAGES = 256;

export interface RetentionLimits {
  readonly retentionMs: number;
  /** Of the database and the files that SQLite keeps beside it. */
  readonly maxBytes: number;
}

export function segmentLimitsOf(limits: RetentionLimits): SegmentLimits {
  return {
    bytes: Math.max(budgetOf(limits) / SEGMENTS_KEPT, SEGMENT_BYTES_MIN),
    spanMs: limits.retentionMs / SEGMENTS_KEPT,
  };
}

function budgetOf(limits: RetentionLimits): number {
  return limits.maxBytes - reserveOf(limits);
}

function reserveOf({ maxBytes }: RetentionLimits): number {
  return Math.min(maxBytes / 4, RESERVE_BYTES_MAX);
}

/** A segment that is being cleared: the lines of some sources go with it, the others are moved to an older segment. */
interface Clearing {
  readonly segment: SegmentRow;
  readonly evicted: ReadonlySet<number>;
  /** Lines up to this id are done. */
  readonly position: number;
  /** Bytes that the moved lines take at their new place. */
  readonly moved: number;
}

interface RetentionParts {
  readonly db: Database;
  readonly limits: RetentionLimits;
  readonly segments: SegmentList;
  readonly sources: LogSources;
  readonly holdings: LogHoldings;
}

export class Retention {
  readonly #db: Database;
  readonly #limits: RetentionLimits;
  readonly #segments: SegmentList;
  readonly #sources: LogSources;
  readonly #holdings: LogHoldings;
  #clearing: Clearing | null = null;

  constructor(parts: RetentionParts) {
    this.#db = parts.db;
    this.#limits = parts.limits;
    this.#segments = parts.segments;
    this.#sources = parts.sources;
    this.#holdings = parts.holdings;
  }

  /**
   * Works for a few milliseconds; true when there may be more to do.
   * @param now milliseconds since the epoch
   */
  trim(now: number): boolean {
    return (
      this.#dropExpired(now) || this.#makeRoom() || this.#deleteForgotten() || this.#shrinkFile()
    );
  }

  #dropExpired(now: number): boolean {
    const oldest = this.#segments.rows().at(-1);
    if (oldest === undefined || oldest.last_at >= now - this.#limits.retentionMs) return false;
    this.#drop(oldest.id);
    return true;
  }

  #drop(segment: number): void {
    this.#db.transaction(() => {
      this.#segments.drop(segment);
      this.#holdings.dropSegment(segment);
    })();
    if (this.#clearing?.segment.id === segment) this.#clearing = null;
  }

  #makeRoom(): boolean {
    const surplus = usedBytes(this.#db) - budgetOf(this.#limits);
    if (this.#clearing !== null) {
      this.#clear(this.#clearing, surplus);
      return true;
    }
    // Until the cleared segment is dropped, the lines that are kept of it are there twice.
    const { bytes } = segmentLimitsOf(this.#limits);
    return surplus + bytes > 0 && this.#begin(surplus + 2 * bytes);
  }

  #begin(surplus: number): boolean {
    const rows = this.#segments.rows();
    const eviction = this.#plan(rows, surplus);
    const segment = rows.find(({ id }) => id === eviction?.segment);
    if (segment === undefined || eviction === null) return false;
    if (segment === rows[0]) this.#segments.close(segment);
    const first = this.#segments.open(segment.id).firstId();
    const position = Math.max(first - 1, this.#segments.floorOf(segment));
    this.#clearing = { segment, evicted: eviction.sources, position, moved: 0 };
    const sources = [...this.#holdings.of(segment.id).keys()];
    if (sources.every((source) => eviction.sources.has(source))) this.#finish(this.#clearing);
    return true;
  }

  #plan(rows: readonly SegmentRow[], surplus: number): Eviction | null {
    const held = rows.map(({ id }) => ({ segment: id, sources: this.#holdings.of(id) }));
    const counted = held.reduce((sum, { sources }) => sum + sumOf(sources), 0);
    return planEviction(held.reverse(), {
      surplus: (surplus / usedBytes(this.#db)) * counted,
      ownerOf: (source) => this.#sources.ownerOf(source),
    });
  }

  /** Moves some lines. When lines arrive faster than others can be moved, the size comes first. */
  #clear(clearing: Clearing, surplus: number): void {
    const { segment, evicted, position, moved } = clearing;
    const isUrgent = surplus > reserveOf(this.#limits) / 2;
    if (isUrgent || position >= this.#segments.open(segment.id).lastId()) {
      this.#finish(clearing);
      return;
    }
    const last = position + SLICE_LINES;
    const kept = this.#segments.open(segment.id).rowsExcept(evicted, { after: position, last });
    const bytes = kept.length === 0 ? 0 : this.#move(segment, kept);
    this.#clearing = { ...clearing, position: last, moved: moved + bytes };
  }

  /** @returns the bytes that they take now */
  #move(from: SegmentRow, lines: readonly LineRow[]): number {
    const fullBytes = segmentLimitsOf(this.#limits).bytes / TEXT_PART;
    const isFull = (id: number) => this.#holdings.total(id) >= fullBytes;
    const move = () => {
      const keeper = this.#segments.keeperOf(from, isFull);
      this.#segments.open(keeper.id).insert(lines);
      this.#segments.extend(keeper.id, Math.max(...lines.map(({ at }) => at)));
      this.#holdings.add(keeper.id, lines);
    };
    return this.#db.transaction(() => this.#segments.growOlder(move))();
  }

  /** Where clearing freed nothing, because the segment was small for example, the oldest one goes as a whole. */
  #finish({ segment, moved }: Clearing): void {
    this.#clearing = null;
    const before = usedBytes(this.#db);
    this.#drop(segment.id);
    const oldest = this.#segments.rows().at(-1);
    if (before - usedBytes(this.#db) <= moved && oldest !== undefined) this.#drop(oldest.id);
  }

  #deleteForgotten(): boolean {
    const source = this.#sources.forgotten();
    if (source === null) return false;
    this.#db.transaction(() => {
      let left = SLICE_LINES;
      for (const { id } of this.#segments.rows()) {
        left -= this.#segments.open(id).deleteLines(source, left);
        if (left === 0) return;
      }
      this.#sources.erase(source);
      this.#holdings.dropSource(source);
    })();
    return true;
  }

  /** Releases free pages to the disk, except for as many as the next segments will take. */
  #shrinkFile(): boolean {
    if (freeBytes(this.#db) <= segmentLimitsOf(this.#limits).bytes * 2) return false;
    this.#db.run(`PRAGMA incremental_vacuum(${SLICE_PAGES})`);
    return true;
  }
}
