import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogArchive } from "../../../../src/logs/archive/archive.ts";
import type { LogFilter, LogLine } from "../../../../src/logs/line.ts";

const NOW = 1_800_000_000_000;
const MAX_BYTES = 4 * 1024 * 1024;
const LOUD = { service: "notes", id: "loud" };
const QUIET = { service: "notes", id: "quiet" };
const BATCH = 500;
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-fairness-"));
  file = join(directory, "logs.db");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(): LogArchive {
  return new LogArchive({ file, retentionMs: 7 * 86_400_000, maxBytes: MAX_BYTES });
}

function search(archive: LogArchive, filter: LogFilter): string[] {
  const room = { limit: 1_000_000, bytes: 1 << 30 };
  return [...archive.search(filter, { ...room, now: NOW })].flat().map(({ text }) => text);
}

function bytesOnDisk(): number {
  const sizes = [file, `${file}-wal`].map((path) => (existsSync(path) ? statSync(path).size : 0));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const line = (ref: LogLine["ref"], text: string): LogLine => ({
  at: NOW,
  ref,
  stream: "stdout",
  text,
});

/** A batch in which the quiet one has a line. */
function batchOf(batch: number): readonly LogLine[] {
  const loud = Array.from({ length: BATCH - 1 }, (_, index) =>
    line(LOUD, `request ${batch} ${(index * 7919).toString(36)} of the loud one`),
  );
  return [...loud.slice(0, 100), line(QUIET, `quiet ${batch}`), ...loud.slice(100)];
}

const quietUpTo = (batch: number) =>
  Array.from({ length: batch + 1 }, (_, index) => `quiet ${batch - index}`);

function append(archive: LogArchive, batch: number): void {
  archive.append(batchOf(batch), { journal: "j", seq: batch + 1 });
}

test("a loud instance pushes out its own lines, and none of a quiet one", () => {
  const archive = open();
  for (let batch = 0; batch < 200; batch += 1) {
    append(archive, batch);
    while (archive.trim(NOW));
    expect(bytesOnDisk()).toBeLessThanOrEqual(MAX_BYTES);
  }
  expect(search(archive, QUIET)).toEqual(quietUpTo(199));
  expect(search(archive, { ...QUIET, search: "quiet 0" })).toEqual(["quiet 0"]);
  const loud = search(archive, LOUD);
  expect(loud.length).toBeGreaterThan(5000);
  expect(loud.length).toBeLessThan(90_000);
  expect(loud[0]).toStartWith("request 199 ");
  archive.close();
});

test("at each moment a search finds each of the quiet one's lines once, in order, after a restart too", () => {
  let archive = open();
  for (let batch = 0; batch < 90; batch += 1) {
    append(archive, batch);
    for (let step = 0; archive.trim(NOW); step += 1) {
      if (batch > 60 && step % 3 === 0) expect(search(archive, QUIET)).toEqual(quietUpTo(batch));
      if (step !== 4) continue;
      archive.close();
      archive = open();
    }
  }
  expect(search(archive, QUIET)).toEqual(quietUpTo(89));
  const all = search(archive, {});
  expect(all.filter((text) => text.startsWith("quiet"))).toEqual(quietUpTo(89));
  archive.close();
});

test("a search that is under way while a segment is cleared finds each line once", () => {
  const archive = open();
  let batch = 0;
  const write = () => {
    append(archive, batch);
    batch += 1;
  };
  while (batch < 80) {
    write();
    while (archive.trim(NOW));
  }
  const found: string[] = [];
  const steps = archive.search(QUIET, { limit: 100_000, bytes: 1 << 30, now: NOW });
  for (let step = steps.next(); step.done !== true; step = steps.next()) {
    found.push(...step.value.map(({ text }) => text));
    for (let count = 0; count < 8; count += 1) write();
    while (archive.trim(NOW));
  }
  expect(found).toEqual(quietUpTo(79));
  archive.close();
});

test("segments of an earlier version, whose lines were not counted, go first and as a whole", () => {
  const former = open();
  for (let batch = 0; batch < 20; batch += 1) append(former, batch);
  former.close();
  const db = new Database(file);
  db.run("DROP TABLE holding");
  db.run("ALTER TABLE segment DROP COLUMN from_line");
  db.close();
  const archive = open();
  expect(search(archive, QUIET)).toEqual(quietUpTo(19));
  for (let batch = 20; batch < 120; batch += 1) {
    append(archive, batch);
    while (archive.trim(NOW));
    expect(bytesOnDisk()).toBeLessThanOrEqual(MAX_BYTES);
  }
  const kept = search(archive, QUIET);
  expect(kept).toEqual(quietUpTo(119).slice(0, kept.length));
  expect(kept.length).toBeGreaterThanOrEqual(99);
  archive.close();
});
