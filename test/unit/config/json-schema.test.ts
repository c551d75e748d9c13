import { expect, test } from "bun:test";
import { type JsonSchema, planJsonSchema } from "../../../src/config/json-schema.ts";

/** Every key with its path, and its schema. */
function keysOf(schema: JsonSchema, path = ""): [string, JsonSchema][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(
    ([key, value]): [string, JsonSchema][] => {
      const inner = `${path}${key}`;
      return [[inner, value], ...keysOf(value, `${inner}.`)];
    },
  );
  return [
    ...own,
    ...(schema.additionalProperties ? keysOf(schema.additionalProperties, `${path}*.`) : []),
  ];
}

test("every key has a description", () => {
  const keys = keysOf(planJsonSchema());
  expect(keys.length).toBeGreaterThan(45);
  expect(keys.filter(([, { description }]) => description === undefined)).toEqual([]);
});

test("no table accepts unknown keys", () => {
  const tables = keysOf(planJsonSchema()).filter(([, { type }]) => type === "object");
  expect(tables.length).toBeGreaterThan(5);
  expect(
    tables.filter(([, { additionalProperties }]) => additionalProperties === undefined),
  ).toEqual([]);
  expect(planJsonSchema().additionalProperties).toBe(false);
});

test("requires only the command of a service", () => {
  const schema = planJsonSchema();
  const service = schema.properties?.["service"]?.additionalProperties || {};
  expect(service.required).toEqual(["command"]);
  expect(schema.required).toBeUndefined();
});
