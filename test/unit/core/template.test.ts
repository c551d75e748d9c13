import { expect, test } from "bun:test";
import { checkPlaceholders, escapeTemplate, fillTemplate } from "../../../src/core/template.ts";

test.each([
  "{name}-{id}",
  "{data_dir}/x",
  '{"a":1}',
  "{}",
  "{0}",
  "{a b}",
  "{{anything}}",
  "{",
  "}{",
])("accepts the template %j", (template) => {
  expect(checkPlaceholders(template)).toEqual([]);
});

test("refuses an unknown placeholder and suggests a known one", () => {
  const expected = "expected one of {name} {id} {data_dir} {port} {socket}";
  expect(checkPlaceholders("{nmae} {PORT} {colour}")).toEqual([
    `${expected}, got "{nmae}", did you mean "name"?`,
    `${expected}, got "{PORT}", did you mean "port"?`,
    `${expected}, got "{colour}"`,
  ]);
  expect(checkPlaceholders("{socket}", ["id"])).toEqual(['expected one of {id}, got "{socket}"']);
  expect(checkPlaceholders("{id}", [])).toEqual(['expected no placeholder here, got "{id}"']);
});

test("fillTemplate() fills in a single pass", () => {
  expect(fillTemplate("{name}/{id}/{name}", { name: "{id}", id: "$&{name}" })).toBe(
    "{id}/$&{name}/{id}",
  );
});

test("fillTemplate() keeps braces without a placeholder, and unescapes doubled braces", () => {
  const values = { id: "alice" };
  expect(fillTemplate('{"id":"{id}"}', values)).toBe('{"id":"alice"}');
  expect(fillTemplate("{{id}} {{{id}}} {} {1}", values)).toBe("{id} {{id}} {} {1}");
});

test("fillTemplate() restores any text that escapeTemplate() escaped", () => {
  const values = { id: "alice", name: "notes" };
  for (const text of ["{id}", "{{id}}", "{x}/{name}", "{", "plain", '{"a":1}', "{{{id}}"]) {
    expect(fillTemplate(escapeTemplate(text), values)).toBe(text);
    expect(checkPlaceholders(escapeTemplate(text))).toEqual([]);
  }
});
