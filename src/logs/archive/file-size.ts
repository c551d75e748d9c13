// The size of a SQLite database in bytes: its used and its free pages.
import type { Database } from "bun:sqlite";

export function usedBytes(db: Database): number {
  return (pragma(db, "page_count") - pragma(db, "freelist_count")) * pragma(db, "page_size");
}

export function freeBytes(db: Database): number {
  return pragma(db, "freelist_count") * pragma(db, "page_size");
}

function pragma(db: Database, name: string): number {
  const row = db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
  return Object.values(row ?? {})[0] ?? 0;
}
