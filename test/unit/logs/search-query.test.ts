import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { matchesLogQuery, parseLogQuery } from "../../../src/logs/search-query.ts";

const LINES = [
  "GET /api/items 200 12ms",
  "error: cannot open file",
  'she said "near and far" OR not',
  "text:secret {text} col^2 NEAR(a b, 5)",
  "Größe geändert: ÄRGER",
  "kaboom 🔥 -> *** done",
  "user=alice AND bob",
  "null\0byte inside",
  "",
];

const WORDS = [
  "get",
  "items",
  '"',
  '""',
  '"near',
  'far"',
  "OR",
  "AND",
  "NOT",
  "NEAR(a",
  "NEAR",
  "b,",
  "5)",
  "text:secret",
  "origin:s1",
  "{text}",
  "*",
  "op*",
  "err",
  "^error",
  "-error",
  "+",
  "(",
  ")",
  "col^2",
  "'; DROP TABLE words; --",
  "größe",
  "GROSSE",
  "ärger",
  "arger",
  "🔥",
  "->",
  "***",
  "user=alice",
  "alice=user",
  "byte\0inside",
  "\0",
  "%",
  "_",
  "\\",
];

function index(lines: readonly string[]): Database {
  const db = new Database(":memory:");
  db.run("CREATE VIRTUAL TABLE words USING fts5(text, origin)");
  lines.forEach((line, id) => {
    db.query("INSERT INTO words (rowid, text, origin) VALUES (?, ?, 's1')").run(id + 1, line);
  });
  return db;
}

/** Searches as the archive does: lines that the index finds and that contain the symbols. */
function search(db: Database, words: string): string[] {
  const { match, symbols } = parseLogQuery(words);
  const found =
    match === null
      ? LINES
      : db
          .query<{ rowid: number }, [string]>(
            "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid",
          )
          .all(`{text} : (${match})`)
          .map(({ rowid }) => LINES[rowid - 1] ?? "");
  return found.filter((line) => symbols.every((symbol) => line.includes(symbol)));
}

test("no word becomes syntax, and a new line matches like a stored one", () => {
  using db = index(LINES);
  const searches = [...WORDS, ...WORDS.flatMap((a) => WORDS.map((b) => `${a} ${b}`))];
  for (const words of searches) {
    const query = parseLogQuery(words);
    const expected = LINES.filter((line) => matchesLogQuery(query, line));
    expect({ words, found: search(db, words) }).toEqual({ words, found: expected });
  }
});

test.each([
  ["", LINES.length],
  ["  \t ", LINES.length],
  ["items get", 1],
  ["err", 0],
  ["op*", 0],
  ["near far", 1],
  ["user=alice", 1],
  ["alice=user", 0],
  ["🔥", 1],
  ["-> kaboom", 1],
  ["-> items", 0],
  ["GRÖSSE", 0],
  ["größe arger", 1],
])("%p finds %p lines", (words, count) => {
  using db = index(LINES);
  expect(search(db, words)).toHaveLength(count);
});

test("ignores words beyond the limit", () => {
  expect(parseLogQuery("word ".repeat(1000)).phrases).toHaveLength(32);
});
