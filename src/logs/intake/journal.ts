// The journal, a file of output that is read but not yet archived: it survives a killed server.
import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from "node:fs";
import { codeOf } from "../../platform/files.ts";
import {
  CONTENT_LENGTH_AT,
  decodeRecords,
  encodeOpenHead,
  encodeRecord,
  type JournalContent,
  type JournalRecord,
} from "./journal-format.ts";
import { splice } from "./splice.ts";

/** Read from one pipe in one turn, so that a flood in one keeps no other waiting; the size of an ordinary pipe. */
export const CHUNK_BYTES = 64 * 1024;
/** Beyond this size, reached only while nothing can be archived, output is kept in memory alone. */
const JOURNAL_BYTES_MAX = 32 * 1024 * 1024;
/** The file begins with the id of the journal, in its text form. */
const ID_BYTES = 36;
const READ_WRITE = constants.O_RDWR | constants.O_CREAT;

interface Opened {
  readonly file: string;
  readonly now: () => number;
  readonly fd: number;
  readonly id: string;
  readonly size: number;
  readonly seq: number;
}

/** Bytes move from a pipe into the file inside the kernel, so that a crash finds them in one or the other. */
export class Journal {
  /** Numbers of records compare only within one journal. */
  readonly id: string;
  readonly #file: string;
  readonly #now: () => number;
  readonly #buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #fd: number;
  #size: number;
  #seq: number;

  private constructor(opened: Opened) {
    this.id = opened.id;
    this.#file = opened.file;
    this.#now = opened.now;
    this.#fd = opened.fd;
    this.#size = opened.size;
    this.#seq = opened.seq;
  }

  /**
   * Opens or creates the journal; `recovered` are the records of a previous server, oldest first.
   * @param now milliseconds since the epoch
   */
  static open(file: string, now: () => number): { journal: Journal; recovered: JournalRecord[] } {
    const fd = openSync(file, READ_WRITE, 0o600);
    const content = readFileSync(file);
    const fresh = content.length < ID_BYTES;
    const id = fresh ? randomUUID() : content.toString("latin1", 0, ID_BYTES);
    const { records } = decodeRecords(content, ID_BYTES);
    const seq = records.reduce((highest, record) => Math.max(highest, record.seq), 0);
    const opened = { file, now, fd, id, size: content.length, seq };
    const journal = new Journal(opened);
    journal.#closeOpenRecord(records);
    return { journal, recovered: records.filter(({ content: { kind } }) => kind !== "mark") };
  }

  get size(): number {
    return this.#size;
  }

  /** The number of the newest record. */
  get seq(): number {
    return this.#seq;
  }

  /**
   * Reads at most `CHUNK_BYTES` from a pipe; null when it is empty for now.
   * The bytes of the record are valid until the next call.
   */
  readFrom(source: string, pipe: number): JournalRecord | null {
    const head = this.#nextHead(source);
    const bytes = this.#splice(head, pipe);
    const record =
      bytes === null
        ? this.#copy(head, pipe)
        : { ...head, content: { kind: "bytes", bytes } as const };
    if (record !== null) this.#seq = record.seq;
    return record;
  }

  /** Adds a record that comes from no pipe. */
  append(source: string, content: JournalContent): JournalRecord {
    const record = { ...this.#nextHead(source), content };
    this.#seq = record.seq;
    this.#write(record);
    return record;
  }

  /**
   * Keeps only the unfinished lines, by source.
   * To be called when every complete line is archived. Throws when the disk is full; then nothing has changed.
   */
  compact(carries: ReadonlyMap<string, Uint8Array>): void {
    const head = { seq: this.#seq, at: this.#now() };
    const records: JournalRecord[] = [{ ...head, source: "", content: { kind: "mark" } }];
    for (const [source, bytes] of carries) {
      records.push({ ...head, source, content: { kind: "bytes", bytes } });
    }
    this.#rewrite(records);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #nextHead(source: string): Omit<JournalRecord, "content"> {
    return { source, seq: this.#seq + 1, at: this.#now() };
  }

  /** Moves bytes into the file inside the kernel; null when the pipe is empty, the disk full or the kernel unable. */
  #splice(head: Omit<JournalRecord, "content">, pipe: number): Uint8Array | null {
    if (this.#size >= JOURNAL_BYTES_MAX) return null;
    const header = encodeOpenHead(head);
    const position = this.#size + header.length;
    if (!this.#writeAtEnd(header)) return null;
    const length = splice({ pipe, file: this.#fd, position, length: CHUNK_BYTES });
    if (length <= 0) {
      ftruncateSync(this.#fd, this.#size);
      return null;
    }
    const lengthField = Buffer.alloc(4);
    lengthField.writeUInt32LE(length);
    writeSync(this.#fd, lengthField, 0, lengthField.length, this.#size + CONTENT_LENGTH_AT);
    this.#size = position + length;
    return this.#buffer.subarray(0, readSync(this.#fd, this.#buffer, 0, length, position));
  }

  /** Reads a pipe that `#splice` could not: it is empty or has ended, or the kernel can't write the file. */
  #copy(head: Omit<JournalRecord, "content">, pipe: number): JournalRecord | null {
    const content = readPipe(pipe, this.#buffer);
    if (content === null) return null;
    const record = { ...head, content };
    this.#write(record);
    return record;
  }

  /** Rewrites the file: a record that a crash left open gets its length. */
  #closeOpenRecord(records: readonly JournalRecord[]): void {
    try {
      this.#rewrite(records);
    } catch {
      // The disk is full: nothing is appended to the file until it has been compacted.
      this.#size = JOURNAL_BYTES_MAX;
    }
  }

  #write(record: JournalRecord): void {
    if (this.#size >= JOURNAL_BYTES_MAX) return;
    const encoded = encodeRecord(record);
    if (this.#writeAtEnd(encoded)) this.#size += encoded.length;
  }

  /** False, leaving the file as it was, when the disk is full. */
  #writeAtEnd(bytes: Buffer): boolean {
    try {
      writeAll(this.#fd, { bytes, position: this.#size });
      return true;
    } catch {
      ftruncateSync(this.#fd, this.#size);
      return false;
    }
  }

  /** Replaces the file atomically. */
  #rewrite(records: readonly JournalRecord[]): void {
    const bytes = Buffer.concat([Buffer.from(this.id), ...records.map(encodeRecord)]);
    const draft = `${this.#file}.new`;
    const fd = openSync(draft, READ_WRITE | constants.O_TRUNC, 0o600);
    try {
      writeAll(fd, { bytes, position: 0 });
      renameSync(draft, this.#file);
    } catch (thrown) {
      closeSync(fd);
      throw thrown;
    }
    closeSync(this.#fd);
    this.#fd = fd;
    this.#size = bytes.length;
  }
}

function readPipe(pipe: number, buffer: Buffer): JournalContent | null {
  try {
    const length = readSync(pipe, buffer, 0, buffer.length, null);
    return length === 0 ? { kind: "end" } : { kind: "bytes", bytes: buffer.subarray(0, length) };
  } catch (thrown) {
    if (codeOf(thrown) === "EAGAIN") return null;
    throw thrown;
  }
}

function writeAll(fd: number, { bytes, position }: { bytes: Uint8Array; position: number }): void {
  let written = 0;
  while (written < bytes.length) {
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
}
