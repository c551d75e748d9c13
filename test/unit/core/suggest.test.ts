import { expect, test } from "bun:test";
import { renderSuggestion, suggest } from "../../../src/core/suggest.ts";

const KEYS = ["idle_timeout", "startup_timeout", "health", "args", "env"];

test.each([
  ["idel_timeout", "idle_timeout"],
  ["idletimeout", "idle_timeout"],
  ["start_timeout", "startup_timeout"],
  ["Health", "health"],
  ["healht", "health"],
  ["arg", "args"],
  ["evn", "env"],
])("suggests for %p the word %p", (typed, meant) => {
  expect(suggest(typed, KEYS)).toBe(meant);
});

test.each(["colour", "timeout", "x", ""])("suggests nothing for %p", (typed) => {
  expect(suggest(typed, KEYS)).toBeNull();
});

test("renderSuggestion() is empty without a suggestion", () => {
  expect(renderSuggestion("healt", KEYS)).toBe(', did you mean "health"?');
  expect(renderSuggestion("colour", KEYS)).toBe("");
});
