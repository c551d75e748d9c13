import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ArchiveOptions, LogArchive, setAside } from "../../../../src/logs/archive/archive.ts";
import type { LogFilter, LogLine } from "../../../../src/logs/line.ts";

const DAY_MS = 86_400_000;
const NOW = 1_800_000_000_000;
const ALICE = { service: "notes", id: "alice" };
const BOB = { service: "notes", id: "bob" };
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-archive-"));
  file = join(directory, "logs.db");
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function open(options: Partial<ArchiveOptions> = {}): LogArchive {
  return new LogArchive({ file, retentionMs: 7 * DAY_MS, maxBytes: 1 << 30, ...options });
}

function line(text: string, rest: Partial<LogLine> = {}): LogLine {
  return { at: NOW, ref: ALICE, stream: "stdout", text, ...rest };
}

let seq = 0;
function append(archive: LogArchive, lines: readonly LogLine[]): void {
  seq += 1;
  archive.append(lines, { journal: "j", seq });
}

function search(
  archive: LogArchive,
  filter: LogFilter,
  { limit = 100, bytes = 1 << 30, now = NOW } = {},
): string[] {
  return [...archive.search(filter, { limit, bytes, now })].flat().map(({ text }) => text);
}

/** The size of the database and its write-ahead log on disk. */
function bytesOnDisk(): number {
  return [file, `${file}-wal`].reduce(
    (sum, path) => sum + (existsSync(path) ? statSync(path).size : 0),
    0,
  );
}

const filler = (index: number) =>
  line(`request ${index} of many ${(index * 7919).toString(36)} done`, { at: NOW + index });

function fill(archive: LogArchive, { from, to }: { from: number; to: number }): void {
  for (let start = from; start < to; start += 500) {
    append(
      archive,
      Array.from({ length: 500 }, (_, index) => filler(start + index)),
    );
    while (archive.trim(NOW + start));
  }
}

test("finds lines by service, id, stream, time and words, newest first", () => {
  const archive = open();
  append(archive, [
    line("one fish", { at: NOW - 3000 }),
    line("two fish", { at: NOW - 2000, stream: "stderr" }),
    line("red fish", { at: NOW - 1000, ref: BOB }),
    line("blue whale", { ref: { service: "shop", id: "alice" } }),
  ]);
  expect(search(archive, {})).toEqual(["blue whale", "red fish", "two fish", "one fish"]);
  expect(search(archive, { service: "notes" })).toEqual(["red fish", "two fish", "one fish"]);
  expect(search(archive, { id: "alice" })).toEqual(["blue whale", "two fish", "one fish"]);
  expect(search(archive, ALICE)).toEqual(["two fish", "one fish"]);
  expect(search(archive, { stream: "stderr" })).toEqual(["two fish"]);
  expect(search(archive, { since: NOW - 1000 })).toEqual(["blue whale", "red fish"]);
  expect(search(archive, { search: "FISH" })).toEqual(["red fish", "two fish", "one fish"]);
  expect(search(archive, { search: "fish", ...ALICE, stream: "stdout" })).toEqual(["one fish"]);
  expect(search(archive, { search: "fish", service: "shop" })).toEqual([]);
  expect(search(archive, { service: "nobody" })).toEqual([]);
  expect(search(archive, { search: "fish" }, { limit: 2 })).toEqual(["red fish", "two fish"]);
  archive.close();
});

test("returns the instance, the stream and the time of a line", () => {
  const archive = open();
  const written = line("nul \0 and 🔥", { at: NOW - 5, ref: BOB, stream: "stderr" });
  append(archive, [written]);
  expect([...archive.search({}, { limit: 1, bytes: 1 << 30, now: NOW })].flat()).toEqual([written]);
  archive.close();
});

test("finds nothing of an instance that has logged nothing, by words as well", () => {
  const archive = open();
  append(archive, [line("hello")]);
  expect(search(archive, { id: "zoe" })).toEqual([]);
  expect(search(archive, { id: "zoe", search: "hello" })).toEqual([]);
  archive.close();
});

test("a word with a colon is no column name", () => {
  const archive = open();
  append(archive, [line("plain"), line("origin s1")]);
  expect(search(archive, { search: "s1" })).toEqual(["origin s1"]);
  expect(search(archive, { search: "origin:s1" })).toEqual(["origin s1"]);
  archive.close();
});

test("finds the newest lines over many instances of a service", () => {
  const archive = open();
  const lines = Array.from({ length: 300 }, (_, index) =>
    line(`n ${index}`, { ref: { service: "many", id: `i${index % 60}` } }),
  );
  append(archive, [...lines, line("other")]);
  expect(search(archive, { service: "many" }, { limit: 3 })).toEqual(["n 299", "n 298", "n 297"]);
  expect(search(archive, { service: "many", search: "n" }, { limit: 2 })).toEqual([
    "n 299",
    "n 298",
  ]);
  archive.close();
});

test("keeps lines and mark together across a reopening", () => {
  const first = open();
  expect(first.mark()).toBeNull();
  first.append([line("kept")], { journal: "j", seq: 7 });
  first.close();
  const second = open();
  expect(second.mark()).toEqual({ journal: "j", seq: 7 });
  second.append([line("more")], { journal: "k", seq: 1 });
  expect(second.mark()).toEqual({ journal: "k", seq: 1 });
  expect(search(second, {})).toEqual(["more", "kept"]);
  second.close();
});

test("stays within its size on disk by dropping the oldest lines", () => {
  const maxBytes = 4 * 1024 * 1024;
  const archive = open({ maxBytes });
  for (let from = 0; from < 60_000; from += 5000) {
    fill(archive, { from, to: from + 5000 });
    expect(bytesOnDisk()).toBeLessThanOrEqual(maxBytes);
  }
  const kept = search(archive, {}, { limit: 100_000 });
  expect(kept.length).toBeGreaterThan(5000);
  expect(kept).toEqual(kept.map((_, index) => filler(59_999 - index).text));
  expect(search(archive, { search: "59999" })).toHaveLength(1);
  expect(search(archive, { search: "17" })).toEqual([]);
  archive.close();
});

test("hides expired lines at once, and releases their space to the disk", () => {
  const archive = open({ retentionMs: DAY_MS, maxBytes: 16 * 1024 * 1024 });
  fill(archive, { from: 0, to: 50_000 });
  const before = bytesOnDisk();
  append(archive, [line("today", { at: NOW + DAY_MS })]);
  expect(search(archive, {}, { now: NOW + DAY_MS + 60_000, limit: 100_000 })).toEqual(["today"]);
  while (archive.trim(NOW + DAY_MS + 60_000));
  archive.close();
  expect(bytesOnDisk()).toBeLessThan(before / 3);
});

test("hides a forgotten instance at once and deletes its lines step by step", () => {
  const archive = open();
  append(
    archive,
    Array.from({ length: 1200 }, (_, index) => line(`secret ${index}`)),
  );
  append(archive, [line("public", { ref: BOB })]);
  archive.forget(ALICE);
  expect(search(archive, {})).toEqual(["public"]);
  expect(search(archive, ALICE)).toEqual([]);
  expect(search(archive, { search: "secret" })).toEqual([]);
  append(archive, [line("a new alice")]);
  expect(search(archive, ALICE)).toEqual(["a new alice"]);
  let slices = 0;
  while (archive.trim(NOW)) slices += 1;
  expect(slices).toBeGreaterThanOrEqual(3);
  expect(search(archive, {})).toEqual(["a new alice", "public"]);
  archive.close();
  using db = new Database(file);
  expect(db.query("SELECT count(*) AS count FROM line_1").get()).toEqual({ count: 2 });
  expect(db.query("SELECT rowid FROM words_1 WHERE words_1 MATCH 'secret'").all()).toEqual([]);
});

test("a search that is cut by its size goes on before the last line, over sources and segments", () => {
  const archive = open({ maxBytes: 2 * 1024 * 1024 });
  fill(archive, { from: 0, to: 3000 });
  append(archive, [line("quiet", { at: NOW + 3000, ref: BOB })]);
  fill(archive, { from: 3000, to: 6000 });
  for (const filter of [{}, { service: "notes" }, { search: "many", service: "notes" }]) {
    const whole = search(archive, filter, { limit: 10_000 });
    const parts: string[] = [];
    for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null;) {
      const steps = archive.search(
        { ...filter, before },
        { limit: 10_000, bytes: 200_000, now: NOW },
      );
      let step = steps.next();
      for (; step.done !== true; step = steps.next())
        parts.push(...step.value.map(({ text }) => text));
      before = step.value;
    }
    expect(parts).toEqual(whole);
    expect(whole.length).toBeGreaterThan(1000);
  }
  archive.close();
});

test("a search goes on while a segment is dropped", () => {
  const archive = open({ maxBytes: 2 * 1024 * 1024 });
  fill(archive, { from: 0, to: 20_000 });
  const steps = archive.search({}, { limit: 1_000_000, bytes: 1 << 30, now: NOW });
  const [first] = (steps.next().value as readonly LogLine[]) ?? [];
  expect(first?.text).toBe(filler(19_999).text);
  fill(archive, { from: 20_000, to: 60_000 });
  for (const lines of steps) expect(lines).toEqual([]);
  archive.close();
});

test("sets a damaged database aside and removes its write-ahead log", async () => {
  await Bun.write(file, "this is no database, whatever its name says".repeat(100));
  expect(() => open()).toThrow();
  const aside = setAside(file, NOW);
  expect(existsSync(aside)).toBe(true);
  const archive = open();
  append(archive, [line("anew")]);
  expect(search(archive, {})).toEqual(["anew"]);
  archive.close();
});

test("a search finds the lines of one slot alone, also after a reopening", () => {
  const first = open();
  append(first, [line("serves"), line("can't start", { slot: 1 })]);
  expect(search(first, { ...ALICE, slot: 1 })).toEqual(["can't start"]);
  first.close();
  const again = open();
  expect(search(again, { ...ALICE, slot: 0 })).toEqual(["serves"]);
  expect(search(again, ALICE)).toEqual(["can't start", "serves"]);
  again.close();
});

test("an archive of an earlier version, which has no slots, is read and written", () => {
  const former = open();
  append(former, [line("former")]);
  former.close();
  const db = new Database(file);
  db.run("ALTER TABLE source DROP COLUMN slot");
  db.close();
  const archive = open();
  append(archive, [line("new", { slot: 1 })]);
  expect(search(archive, { ...ALICE, slot: 0 })).toEqual(["former"]);
  expect(search(archive, { ...ALICE, slot: 1 })).toEqual(["new"]);
  archive.close();
});
