import { expect, test } from "bun:test";
import { LINE_BYTES_MAX, LINE_CUT_MARK, LineSplitter } from "../../../../src/logs/intake/lines.ts";
import { randomFrom } from "../../../support/random.ts";

/** All lines of a stream that arrives in `chunks` and then ends. */
function split(chunks: readonly Uint8Array[]): string[] {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

/** The expected result of `split`, computed in the simplest way: decode all, then split at newlines. */
function reference(bytes: Uint8Array): string[] {
  const lines = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((raw) => {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (Buffer.byteLength(line) <= LINE_BYTES_MAX) return line;
    let kept = "";
    let length = 0;
    for (const character of line) {
      length += Buffer.byteLength(character);
      if (length > LINE_BYTES_MAX) break;
      kept += character;
    }
    return kept + LINE_CUT_MARK;
  });
}

const PIECES = [
  Buffer.from("plain text "),
  Buffer.from("größer € 🔥 漢字"),
  Buffer.from("\n"),
  Buffer.from("\r\n"),
  Buffer.from("\r"),
  Buffer.from("\n\n"),
  Buffer.from([0]),
  Buffer.from([0xff, 0xfe]),
  Buffer.from([0xe2, 0x82]),
  Buffer.from([0xf0, 0x9f, 0x0a]),
  Buffer.from("\ufeff"),
  Buffer.alloc(LINE_BYTES_MAX - 1, "a"),
  Buffer.alloc(LINE_BYTES_MAX, "é"),
];

test("returns the same lines for every division into chunks", () => {
  for (let seed = 1; seed <= 120; seed += 1) {
    const random = randomFrom(seed);
    const pieces = Array.from({ length: 1 + random.below(30) }, () => {
      return random.pick(PIECES);
    });
    const bytes = Buffer.concat(pieces);
    const longest = random.next() < 0.5 ? 5 : 20_000;
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = 1 + random.below(longest);
      chunks.push(bytes.subarray(at, at + length));
      at += length;
    }
    expect({ seed, lines: split(chunks) }).toEqual({ seed, lines: reference(bytes) });
  }
});

test("keeps a line of exactly the longest length, with either line ending", () => {
  const line = "x".repeat(LINE_BYTES_MAX);
  expect(split([Buffer.from(`${line}\r\n`)])).toEqual([line]);
  expect(split([Buffer.from(line), Buffer.from("\r"), Buffer.from("\n")])).toEqual([line]);
});

test("cuts and marks a line that is one byte longer, between characters", () => {
  const fits = "x".repeat(LINE_BYTES_MAX - 1);
  expect(split([Buffer.from(`${fits}é\n`)])).toEqual([fits + LINE_CUT_MARK]);
});

test("keeps a bounded part of a line that never ends", () => {
  const splitter = new LineSplitter();
  for (let chunk = 0; chunk < 100; chunk += 1) splitter.push(Buffer.alloc(65_536, "y"));
  expect(splitter.carry.length).toBeLessThan(LINE_BYTES_MAX + 100);
  const [line, ...rest] = splitter.push(Buffer.from("\nnext\n"));
  expect(line).toBe("y".repeat(LINE_BYTES_MAX) + LINE_CUT_MARK);
  expect(rest).toEqual(["next"]);
});

test("keeps no reference to a pushed chunk", () => {
  const splitter = new LineSplitter();
  const chunk = Buffer.from("half");
  splitter.push(chunk);
  chunk.fill("!");
  expect(splitter.push(Buffer.from(" whole\n"))).toEqual(["half whole"]);
});

test("end() returns the unfinished line, or none", () => {
  expect(split([Buffer.from("a\nb")])).toEqual(["a", "b"]);
  expect(split([Buffer.from("a\n")])).toEqual(["a"]);
  expect(split([])).toEqual([]);
});
