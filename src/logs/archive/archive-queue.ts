// The queue in front of the archive: batches lines, keeps them while the archive fails, drops and counts the excess.
import { messageOf } from "../../core/errors.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import { codeOf } from "../../platform/files.ts";
import type { LogLine } from "../line.ts";
import { COUNTERS, type LogLimits, type LogOptions } from "../log-messages.ts";
import { LogArchive, setAside } from "./archive.ts";

export interface Batch {
  /** Of the journal record that completed the lines. */
  readonly seq: number;
  readonly lines: readonly LogLine[];
}

/** Lines in a transaction; a larger one gains little and keeps the pipes waiting. */
const TRANSACTION_LINES = 500;
/** A line waits at most this long for other lines of its transaction. */
const TRANSACTION_WAIT_MS = 250;
/** Half a second of a flood, seconds of ordinary output; the queue fills only while the archive can't be written. */
const QUEUE_LINES_MAX = 50_000;
const QUEUE_CHARS_MAX = 16 * 1024 * 1024;
const RETRY_MS = 250;

type Condition =
  | { readonly kind: "working" }
  /** Lines stay queued until the next attempt. */
  | { readonly kind: "failing"; readonly retryAt: number };

const WORKING: Condition = { kind: "working" };

export class ArchiveQueue {
  #options: LogOptions;
  readonly #journal: string;
  readonly #counters: Float64Array;
  readonly #now: () => number;
  readonly #notice: (text: string) => void;
  readonly #drops = new Map<string, { ref: InstanceRef; count: number }>();
  #opened: LogArchive | null = null;
  #batches: Batch[] = [];
  #lines = 0;
  #chars = 0;
  #oldestAt = 0;
  #storedSeq = 0;
  #condition: Condition = WORKING;

  constructor(setup: {
    options: LogOptions;
    /** Id of the journal. */
    journal: string;
    counters: Float64Array;
    /** Milliseconds since the epoch. */
    now: () => number;
    notice: (text: string) => void;
  }) {
    this.#options = setup.options;
    this.#journal = setup.journal;
    this.#counters = setup.counters;
    this.#now = setup.now;
    this.#notice = setup.notice;
    this.#attempt(() => this.#open());
  }

  /** Changes the limits: the archive is opened again with them. */
  limit(limits: LogLimits): void {
    this.#options = { ...this.#options, ...limits };
    this.close();
  }

  /** The archive for a search; throws when it can't be opened. */
  archive(): LogArchive {
    return this.#open();
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0 && this.#drops.size === 0;
  }

  /** Whether it is time to write. */
  get isDue(): boolean {
    if (this.#batches.length === 0 || this.#isPausing) return false;
    return this.#lines >= TRANSACTION_LINES || this.#now() - this.#oldestAt >= TRANSACTION_WAIT_MS;
  }

  push(batch: Batch): void {
    if (batch.seq <= this.#storedSeq) return;
    if (this.#batches.length === 0) this.#oldestAt = this.#now();
    this.#batches.push(batch);
    this.#count(batch, 1);
    while (this.#lines > QUEUE_LINES_MAX || this.#chars > QUEUE_CHARS_MAX) this.#dropOldest();
  }

  /** Counts lines that will not be stored. */
  drop(ref: InstanceRef, count: number): void {
    const key = formatRef(ref);
    this.#counters[COUNTERS.dropped] = (this.#counters[COUNTERS.dropped] ?? 0) + count;
    this.#drops.set(key, { ref, count: count + (this.#drops.get(key)?.count ?? 0) });
  }

  /** The drops since the last call, once the archive can be written again. */
  takeDrops(): { ref: InstanceRef; count: number }[] {
    if (this.#condition.kind === "failing") return [];
    const drops = [...this.#drops.values()];
    this.#drops.clear();
    return drops;
  }

  /** Stores all queued lines; false when the archive can't be written, and the lines stay queued. */
  flush(): boolean {
    while (this.#batches.length > 0) {
      if (!this.#attempt(() => this.#store())) return false;
    }
    return true;
  }

  /** Hides the stored lines of an instance; true when it succeeded. */
  forget(ref: InstanceRef): boolean {
    return this.#attempt(() => this.#open().forget(ref));
  }

  /** Applies retention for a few milliseconds; true when there may be more to do. */
  trim(): boolean {
    let more = false;
    this.#attempt(() => {
      more = this.#open().trim(this.#now());
    });
    return more;
  }

  close(): void {
    this.#opened?.close();
    this.#opened = null;
  }

  #store(): void {
    const archive = this.#open();
    const batches: Batch[] = [];
    let count = 0;
    for (const batch of this.#batches) {
      if (count >= TRANSACTION_LINES) break;
      batches.push(batch);
      count += batch.lines.length;
    }
    // Opening the archive may have shown that all queued lines are stored already.
    const last = batches.at(-1);
    if (last === undefined) return;
    const lines = batches.flatMap((batch) => batch.lines);
    archive.append(lines, { journal: this.#journal, seq: last.seq });
    this.#storedSeq = last.seq;
    this.#batches.splice(0, batches.length);
    for (const batch of batches) this.#count(batch, -1);
    this.#oldestAt = this.#now();
    this.#counters[COUNTERS.stored] = (this.#counters[COUNTERS.stored] ?? 0) + count;
  }

  #open(): LogArchive {
    if (this.#opened !== null) return this.#opened;
    const { file, retentionMs, maxBytes } = this.#options;
    const archive = new LogArchive({ file, retentionMs, maxBytes });
    this.#opened = archive;
    const mark = archive.mark();
    if (mark?.journal === this.#journal) this.#storedSeq = Math.max(this.#storedSeq, mark.seq);
    const stored = this.#batches.filter(({ seq }) => seq <= this.#storedSeq);
    for (const batch of stored) this.#count(batch, -1);
    this.#batches.splice(0, stored.length);
    return archive;
  }

  /** After a failure the archive is opened again, a little later; a damaged one is set aside first. */
  #attempt(task: () => void): boolean {
    if (this.#isPausing) return false;
    try {
      task();
      this.#condition = WORKING;
      return true;
    } catch (thrown) {
      this.close();
      if (isDamaged(thrown)) return this.#setAside(thrown);
      if (this.#condition.kind === "working")
        this.#notice(`Cannot store logs: ${messageOf(thrown)}`);
      this.#fail();
      return false;
    }
  }

  #setAside(reason: unknown): boolean {
    try {
      const aside = setAside(this.#options.file, this.#now());
      this.#storedSeq = 0;
      this.#notice(
        `Cannot read "${this.#options.file}": ${messageOf(reason)}; it is now "${aside}", and logs start anew`,
      );
    } catch (thrown) {
      this.#notice(`Cannot set "${this.#options.file}" aside: ${messageOf(thrown)}`);
    }
    this.#fail();
    return false;
  }

  #fail(): void {
    this.#condition = { kind: "failing", retryAt: this.#now() + RETRY_MS };
  }

  /** It is too early for another attempt after a failure. */
  get #isPausing(): boolean {
    return this.#condition.kind === "failing" && this.#now() < this.#condition.retryAt;
  }

  #dropOldest(): void {
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#count(batch, -1);
    const counts = Map.groupBy(batch.lines, ({ ref }) => ref);
    for (const [ref, lines] of counts) this.drop(ref, lines.length);
  }

  #count({ lines }: Batch, sign: 1 | -1): void {
    this.#lines += sign * lines.length;
    for (const { text } of lines) this.#chars += sign * text.length;
  }
}

function isDamaged(thrown: unknown): boolean {
  return /^SQLITE_(?:CORRUPT|NOTADB)/.test(codeOf(thrown) ?? "");
}
