import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf, readText, replaceFile } from "../../../src/platform/files.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-files-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a file that can't be read is null, an empty one is not", () => {
  writeFileSync(join(directory, "empty"), "");
  expect(readText(join(directory, "empty"))).toBe("");
  expect(readText(join(directory, "absent"))).toBeNull();
  expect(readText(directory)).toBeNull();
});

test("a replaced file has the new content and exactly the mode, and keeps no draft", () => {
  const file = join(directory, "file");
  writeFileSync(file, "old", { mode: 0o600 });
  const before = statSync(file).ino;
  replaceFile(file, "new", 0o777);
  expect(readFileSync(file, "utf8")).toBe("new");
  expect(statSync(file).mode & 0o777).toBe(0o777);
  expect(statSync(file).ino).not.toBe(before);
  expect(readdirSync(directory)).toEqual(["file"]);
});

test("a file that can't be replaced stays, and no draft is left", () => {
  mkdirSync(join(directory, "in-the-way"));
  expect(() => replaceFile(join(directory, "in-the-way"), "new", 0o600)).toThrow();
  expect(readdirSync(directory)).toEqual(["in-the-way"]);
});

test("the code of an error is the system's, or null", () => {
  const failed = () => readFileSync(join(directory, "absent"));
  expect(failed).toThrow();
  try {
    failed();
  } catch (error) {
    expect(codeOf(error)).toBe("ENOENT");
  }
  expect([new Error("plain"), { code: 7 }, "text", null, undefined].map(codeOf)).toEqual(
    Array(5).fill(null),
  );
});
