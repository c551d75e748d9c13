// Retention of the archive: drops the oldest segments by age and size, deletes forgotten lines, shrinks the file.
import type { Database } from "bun:sqlite";
import { freeBytes, usedBytes } from "./file-size.ts";
import type { SegmentLimits, SegmentList } from "./segment-list.ts";
import type { LogSources } from "./sources.ts";

/** The archive is divided into this many segments, by size and by time; one at a time is dropped. */
const SEGMENTS_KEPT = 16;
/** Left for the write-ahead log; of a small archive, a quarter. */
const RESERVE_BYTES_MAX = 16 * 1024 * 1024;
/** A segment without a line takes some 50 KiB already. */
const SEGMENT_BYTES_MIN = 128 * 1024;
/** Lines deleted, or pages released, at a time: a few milliseconds. */
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

function budgetOf({ maxBytes }: RetentionLimits): number {
  return maxBytes - Math.min(maxBytes / 4, RESERVE_BYTES_MAX);
}

export class Retention {
  readonly #db: Database;
  readonly #limits: RetentionLimits;
  readonly #segments: SegmentList;
  readonly #sources: LogSources;

  constructor(parts: {
    db: Database;
    limits: RetentionLimits;
    segments: SegmentList;
    sources: LogSources;
  }) {
    this.#db = parts.db;
    this.#limits = parts.limits;
    this.#segments = parts.segments;
    this.#sources = parts.sources;
  }

  /**
   * Works for a few milliseconds; true when there may be more to do.
   * @param now milliseconds since the epoch
   */
  trim(now: number): boolean {
    return this.#dropOldest(now) || this.#deleteForgotten() || this.#shrinkFile();
  }

  #dropOldest(now: number): boolean {
    const oldest = this.#segments.rows().at(-1);
    if (oldest === undefined) return false;
    const isExpired = oldest.last_at < now - this.#limits.retentionMs;
    if (!isExpired && usedBytes(this.#db) <= budgetOf(this.#limits)) return false;
    this.#db.transaction(() => this.#segments.drop(oldest.id))();
    return true;
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
