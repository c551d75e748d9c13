import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHUNK_BYTES, Journal } from "../../../../src/logs/intake/journal.ts";
import { encodeOpenHead, type JournalRecord } from "../../../../src/logs/intake/journal-format.ts";
import { type Output, openOutput } from "../../../../src/platform/process/output-pipes.ts";

const SOURCE = "notes:alice/stdout";
let directory: string;
let file: string;
let output: Output;
let reader: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-journal-"));
  file = join(directory, "journal");
  output = openOutput(directory, { ref: { service: "notes", id: "alice" }, slot: 0 });
  reader = openSync(output.pipes.stdout, constants.O_RDONLY | constants.O_NONBLOCK);
});

afterEach(() => {
  output.close();
  closeSync(reader);
  rmSync(directory, { recursive: true, force: true });
});

const open = () => Journal.open(file, () => 1700);

function describe(record: JournalRecord | null): unknown {
  if (record === null) return null;
  const { content, seq, source } = record;
  if (content.kind === "bytes") return [seq, source, Buffer.from(content.bytes).toString()];
  return [seq, source, content];
}

test("readFrom() returns the bytes of a pipe, null while it is empty, and its end", () => {
  const { journal } = open();
  expect(journal.readFrom(SOURCE, reader)).toBeNull();
  writeSync(output.fds.stdout, "one\n");
  expect(describe(journal.readFrom(SOURCE, reader))).toEqual([1, SOURCE, "one\n"]);
  writeSync(output.fds.stdout, "two\n");
  output.close();
  expect(describe(journal.readFrom(SOURCE, reader))).toEqual([2, SOURCE, "two\n"]);
  expect(describe(journal.readFrom(SOURCE, reader))).toEqual([3, SOURCE, { kind: "end" }]);
  journal.close();
});

test("readFrom() reads at most a chunk", () => {
  const { journal } = open();
  writeSync(output.fds.stdout, Buffer.alloc(CHUNK_BYTES, "x"));
  const taken = journal.readFrom(SOURCE, reader);
  expect(taken?.content).toEqual({ kind: "bytes", bytes: Buffer.alloc(CHUNK_BYTES, "x") });
  expect(journal.readFrom(SOURCE, reader)).toBeNull();
  journal.close();
});

test("recovers all records under the same id, and goes on counting", () => {
  const first = open();
  writeSync(output.fds.stdout, "half a li");
  first.journal.readFrom(SOURCE, reader);
  first.journal.append("notes:alice/stderr", { kind: "note", text: "größer" });
  first.journal.append(SOURCE, { kind: "end" });
  first.journal.close();
  const second = open();
  expect(second.journal.id).toBe(first.journal.id);
  expect(second.recovered.map(describe)).toEqual([
    [1, SOURCE, "half a li"],
    [2, "notes:alice/stderr", { kind: "note", text: "größer" }],
    [3, SOURCE, { kind: "end" }],
  ]);
  expect(second.recovered.map(({ at }) => at)).toEqual([1700, 1700, 1700]);
  expect(second.journal.append(SOURCE, { kind: "end" }).seq).toBe(4);
  second.journal.close();
});

test("recovers the bytes of a record that a crash left open", () => {
  const first = open();
  first.journal.append(SOURCE, { kind: "note", text: "before" });
  first.journal.close();
  const head = encodeOpenHead({ seq: 2, at: 1700, source: SOURCE });
  writeFileSync(file, Buffer.concat([readFileSync(file), head, Buffer.from("moved\n")]));
  const second = open();
  expect(second.recovered.map(describe).at(-1)).toEqual([2, SOURCE, "moved\n"]);
  second.journal.append(SOURCE, { kind: "note", text: "after" });
  second.journal.close();
  const third = open();
  expect(third.recovered.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  third.journal.close();
});

test("recovers the complete records of a file that is cut anywhere", () => {
  const first = open();
  const lengths = ["a", "bb", "ccc"].map((text) => {
    first.journal.append(SOURCE, { kind: "end" });
    first.journal.append(SOURCE, { kind: "note", text });
    return first.journal.size;
  });
  first.journal.close();
  const whole = readFileSync(file);
  for (let length = whole.length; length >= 0; length -= 1) {
    writeFileSync(file, whole);
    truncateSync(file, length);
    const { journal, recovered } = open();
    const complete = lengths.filter((end) => end <= length).length * 2;
    expect(recovered.length).toBeGreaterThanOrEqual(complete);
    expect(recovered.map(({ seq }) => seq)).toEqual(recovered.map((_, index) => index + 1));
    journal.close();
  }
});

test("compact() keeps unfinished lines, the id and the count", () => {
  const first = open();
  for (let line = 0; line < 100; line += 1) {
    first.journal.append(SOURCE, { kind: "note", text: "stored" });
  }
  const before = first.journal.size;
  first.journal.compact(new Map([[SOURCE, Buffer.from("half")]]));
  expect(first.journal.size).toBeLessThan(before / 10);
  first.journal.close();
  const second = open();
  expect(second.journal.id).toBe(first.journal.id);
  expect(second.recovered.map(describe)).toEqual([[100, SOURCE, "half"]]);
  second.journal.compact(new Map());
  second.journal.close();
  const third = open();
  expect(third.recovered).toEqual([]);
  expect(third.journal.append(SOURCE, { kind: "end" }).seq).toBe(101);
  third.journal.close();
});
