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
])("takes %p for %p", (typed, meant) => {
  expect(suggest(typed, KEYS)).toBe(meant);
});

test.each(["colour", "timeout", "x", ""])("does not guess what %p means", (typed) => {
  expect(suggest(typed, KEYS)).toBeNull();
});

test("asks only when there is something to ask", () => {
  expect(renderSuggestion("healt", KEYS)).toBe(', did you mean "health"?');
  expect(renderSuggestion("colour", KEYS)).toBe("");
});
