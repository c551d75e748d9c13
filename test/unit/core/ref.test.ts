import { describe, expect, test } from "bun:test";
import { formatRef, isLabel, parseRef } from "../../../src/core/ref.ts";

describe("isLabel()", () => {
  const valid = ["a", "9", "a-b", "a_b", "x".repeat(63), "0a-_-b"];
  const invalid = ["", "-a", "a-", "_a", "A", "a.b", "a b", "é", "x".repeat(64), "a/b", "a\n"];
  for (const text of valid) test(`accepts ${text}`, () => expect(isLabel(text)).toBe(true));
  for (const text of invalid) {
    test(`refuses ${JSON.stringify(text)}`, () => expect(isLabel(text)).toBe(false));
  }
});

test("formatRef() writes what parseRef() read", () => {
  expect(formatRef(parseRef("notes:alice"))).toBe("notes:alice");
});

for (const text of ["notes", "notes:", ":alice", "notes:alice:x", "notes:Alice", "../x:y"]) {
  test(`parseRef() refuses ${text} with the rule`, () => {
    expect(() => parseRef(text)).toThrow(expect.objectContaining({ code: "REF_INVALID" }));
  });
}
