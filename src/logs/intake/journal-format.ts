// The format of the journal: encodes records, and decodes them after a crash cut the last one short.

export interface JournalRecord {
  /** Grows from record to record as long as the journal keeps its id. */
  readonly seq: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Names the stream: `notes:alice/stdout`. */
  readonly source: string;
  readonly content: JournalContent;
}

export type JournalContent =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** A complete line of the server's own. */
  | { readonly kind: "note"; readonly text: string }
  /** The stream has ended. */
  | { readonly kind: "end" }
  /** Only keeps the sequence number. */
  | { readonly kind: "mark" };

// One byte for the kind, one for the length of the source, four for that of the content, eight each for
// the number and the time; then the source and the content.
const KINDS = ["unused", "bytes", "note", "end", "mark"] as const;
const SOURCE_LENGTH_AT = 1;
const SEQ_AT = 6;
const TIME_AT = 14;
const HEADER_BYTES = 22;

/** Where in a record the length of its content is. */
export const CONTENT_LENGTH_AT = 2;
/** The length while the content is being moved in: it extends to the end of the file. */
const LENGTH_OPEN = 0xffffffff;

/** The head of a record whose length is filled in after its content. */
export function encodeOpenHead(record: Omit<JournalRecord, "content">): Buffer {
  return encodeHead(record, { kind: "bytes", length: LENGTH_OPEN });
}

export function encodeRecord(record: JournalRecord): Buffer {
  const { kind } = record.content;
  const content = bytesOf(record.content);
  return Buffer.concat([encodeHead(record, { kind, length: content.length }), content]);
}

/** The complete records from `position` on, and the end of the last; a crash interrupted the bytes after it. */
export function decodeRecords(
  file: Buffer,
  position: number,
): { records: JournalRecord[]; end: number } {
  const records: JournalRecord[] = [];
  let end = position;
  while (file.length - end >= HEADER_BYTES) {
    const kind = KINDS[file.readUInt8(end)];
    const contentAt = end + HEADER_BYTES + file.readUInt8(end + SOURCE_LENGTH_AT);
    const length = file.readUInt32LE(end + CONTENT_LENGTH_AT);
    if (kind === undefined || kind === "unused" || contentAt > file.length) break;
    const bytes = file.subarray(contentAt, contentAt + length);
    records.push({
      seq: file.readDoubleLE(end + SEQ_AT),
      at: file.readDoubleLE(end + TIME_AT),
      source: file.toString("latin1", end + HEADER_BYTES, contentAt),
      content: contentOf(kind, bytes),
    });
    end = contentAt + bytes.length;
  }
  return { records, end };
}

function encodeHead(
  { source, seq, at }: Omit<JournalRecord, "content">,
  { kind, length }: { kind: JournalContent["kind"]; length: number },
): Buffer {
  const head = Buffer.alloc(HEADER_BYTES + source.length);
  head.writeUInt8(KINDS.indexOf(kind), 0);
  head.writeUInt8(source.length, SOURCE_LENGTH_AT);
  head.writeUInt32LE(length, CONTENT_LENGTH_AT);
  head.writeDoubleLE(seq, SEQ_AT);
  head.writeDoubleLE(at, TIME_AT);
  head.write(source, HEADER_BYTES, "latin1");
  return head;
}

function bytesOf(content: JournalContent): Uint8Array {
  if (content.kind === "bytes") return content.bytes;
  return Buffer.from(content.kind === "note" ? content.text : "");
}

function contentOf(kind: JournalContent["kind"], bytes: Buffer): JournalContent {
  if (kind === "bytes") return { kind, bytes };
  return kind === "note" ? { kind, text: bytes.toString() } : { kind };
}
