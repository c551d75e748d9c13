// The newest rows of a search that there is room for, by their number and their size.

export interface LineRow {
  /** Grows with every line, over all segments. */
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly source: number;
  readonly text: string;
}

export interface Room {
  readonly limit: number;
  /** As JSON. */
  readonly bytes: number;
}

export interface FoundRows {
  /** Newest first. */
  readonly rows: readonly LineRow[];
  /** The room that is left. */
  readonly left: Room;
  /** Rows older than the last one were left out for their size. */
  readonly isCut: boolean;
}

/** Of a line as JSON beside its text: the names of its fields, its time, and two names of at most 63 characters. */
const FRAME_BYTES = 256;

/** Takes rows as long as there is room. @param rows newest first; no more are read than needed */
export function fill(rows: Iterable<LineRow>, room: Room): FoundRows {
  const taken: LineRow[] = [];
  let { limit, bytes } = room;
  for (const row of rows) {
    if (limit === 0) break;
    const size = FRAME_BYTES + Buffer.byteLength(JSON.stringify(row.text));
    if (size > bytes) return { rows: taken, left: { limit, bytes }, isCut: true };
    taken.push(row);
    limit -= 1;
    bytes -= size;
  }
  return { rows: taken, left: { limit, bytes }, isCut: false };
}

/** The newest rows of both. Where one was cut, older rows of the other are left out, so that a search goes on there. */
export function merge(one: FoundRows, other: FoundRows, room: Room): FoundRows {
  const from = Math.max(cutAt(one), cutAt(other));
  const rows = [...one.rows, ...other.rows].filter(({ id }) => id >= from);
  const merged = fill(
    rows.sort((a, b) => b.id - a.id),
    room,
  );
  return { ...merged, isCut: merged.isCut || from > 0 };
}

/** The id below which only newer rows can still be among the newest; 0: there is room for any. */
export function floorOf({ rows, left, isCut }: FoundRows): number {
  return isCut || left.limit === 0 ? (rows.at(-1)?.id ?? 0) : 0;
}

function cutAt({ rows, isCut }: FoundRows): number {
  return isCut ? (rows.at(-1)?.id ?? 0) : 0;
}
