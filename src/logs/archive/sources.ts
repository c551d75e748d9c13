// The sources of the archive's lines: a number for each stream of each slot of an instance.
import type { Database } from "bun:sqlite";
import { formatRef, type InstanceRef, type Slot } from "../../core/ref.ts";
import { type LogFilter, type LogLine, type LogStream, selects } from "../line.ts";

export type LogSource = Pick<LogLine, "ref" | "stream" | "slot">;

export const SOURCE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS source (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, instance TEXT NOT NULL, stream TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS forgotten (source INTEGER PRIMARY KEY);
`;

interface SourceRow {
  readonly id: number;
  readonly service: string;
  readonly instance: string;
  readonly stream: LogStream;
  readonly slot: Slot;
}

export class LogSources {
  readonly #db: Database;
  readonly #sources = new Map<number, LogSource>();
  readonly #numbers = new Map<string, number>();

  constructor(db: Database) {
    this.#db = db;
    addSlots(db);
    for (const { id, service, instance, stream, slot } of db
      .query<SourceRow, []>("SELECT * FROM source")
      .all()) {
      this.#remember(id, { ref: { service, id: instance }, stream, ...(slot === 1 && { slot }) });
    }
  }

  get(number: number): LogSource | undefined {
    return this.#sources.get(number);
  }

  /** The instance; null: it is forgotten. */
  ownerOf(number: number): string | null {
    const source = this.#sources.get(number);
    return source === undefined ? null : formatRef(source.ref);
  }

  /** The number of a source; a new source gets a number that was never used. */
  numberOf(source: LogSource): number {
    const known = this.#numbers.get(keyOf(source));
    if (known !== undefined) return known;
    const { lastInsertRowid } = this.#db
      .query("INSERT INTO source (service, instance, stream, slot) VALUES (?, ?, ?, ?)")
      .run(source.ref.service, source.ref.id, source.stream, source.slot ?? 0);
    this.#remember(Number(lastInsertRowid), source);
    return Number(lastInsertRowid);
  }

  /** The numbers of the sources that a filter selects; null: all. */
  matching(filter: LogFilter): number[] | null {
    const { service, id, stream, slot } = filter;
    const isOpen = [service, id, stream, slot].every((each) => each === undefined);
    if (isOpen && this.forgotten() === null) return null;
    return [...this.#sources].flatMap(([number, source]) =>
      selects(filter, source) ? [number] : [],
    );
  }

  /** Unlists the sources of an instance; their lines are deleted later. */
  forget({ service, id }: InstanceRef): void {
    for (const number of this.matching({ service, id }) ?? []) {
      this.#db.query("INSERT INTO forgotten (source) VALUES (?)").run(number);
      this.#db.query("DELETE FROM source WHERE id = ?").run(number);
      const source = this.#sources.get(number);
      if (source !== undefined) this.#numbers.delete(keyOf(source));
      this.#sources.delete(number);
    }
  }

  /** An unlisted source that may still have lines. */
  forgotten(): number | null {
    const row = this.#db
      .query<{ source: number }, []>("SELECT source FROM forgotten LIMIT 1")
      .get();
    return row?.source ?? null;
  }

  /** Ends the record of an unlisted source that has no lines left. */
  erase(number: number): void {
    this.#db.query("DELETE FROM forgotten WHERE source = ?").run(number);
  }

  #remember(number: number, source: LogSource): void {
    this.#sources.set(number, source);
    this.#numbers.set(keyOf(source), number);
  }
}

function keyOf({ ref, stream, slot = 0 }: LogSource): string {
  return `${formatRef(ref)}/${stream}/${slot}`;
}

/** An archive of an earlier version does not tell the slots apart. */
function addSlots(db: Database): void {
  const hasSlots = db.query("SELECT 1 FROM pragma_table_info('source') WHERE name = 'slot'").get();
  if (hasSlots === null) db.run("ALTER TABLE source ADD COLUMN slot INTEGER NOT NULL DEFAULT 0");
}
