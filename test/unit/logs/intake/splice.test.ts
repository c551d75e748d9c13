import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PipePoll, splice } from "../../../../src/logs/intake/splice.ts";
import { type Output, openOutput } from "../../../../src/platform/process/output-pipes.ts";

let directory: string;
let output: Output;
let readers: number[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-pipe-"));
  output = openOutput(directory, { ref: { service: "notes", id: "alice" }, slot: 0 });
  readers = [output.pipes.stdout, output.pipes.stderr].map((path) =>
    openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
  );
});

afterEach(() => {
  output.close();
  for (const fd of readers) closeSync(fd);
  rmSync(directory, { recursive: true, force: true });
});

test("ready() lists the pipes that have bytes or have ended", () => {
  const poll = new PipePoll(readers);
  expect(poll.ready()).toEqual([]);
  writeSync(output.fds.stderr, "x");
  expect(poll.ready()).toEqual([1]);
  expect(poll.ready()).toEqual([1]);
  output.close();
  expect(poll.ready()).toEqual([0, 1]);
  expect(new PipePoll([]).ready()).toEqual([]);
});

// Other systems have no such call; there the journal reads and writes instead.
test.skipIf(process.platform !== "linux")("moves bytes to a place in a file", () => {
  const path = join(directory, "file");
  const file = openSync(path, "w+");
  writeSync(file, "head:");
  const move = { pipe: readers[0] ?? -1, file, position: 5, length: 100 };
  expect(splice(move)).toBe(-1);
  writeSync(output.fds.stdout, "moved");
  expect(splice({ ...move, length: 3 })).toBe(3);
  expect(splice({ ...move, position: 8 })).toBe(2);
  expect(readFileSync(path, "utf8")).toBe("head:moved");
  output.close();
  expect(splice(move)).toBe(0);
  closeSync(file);
});
