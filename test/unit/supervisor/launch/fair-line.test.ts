import { expect, test } from "bun:test";
import { parseRef } from "../../../../src/core/ref.ts";
import { FairLine } from "../../../../src/supervisor/launch/fair-line.ts";

const itemOf = (name: string) => ({ ref: parseRef(name) });
const none = () => 0;

function lineOf(...names: readonly string[]) {
  const line = new FairLine<ReturnType<typeof itemOf>>();
  for (const name of names) line.add(itemOf(name));
  return line;
}

test("within a service the first comes first, and services take turns", () => {
  const line = lineOf("a:1", "a:2", "a:3", "b:1", "b:2");
  const taken = Array.from({ length: 5 }, () => line.take(none)?.ref);
  expect(taken.map((ref) => `${ref?.service}:${ref?.id}`)).toEqual([
    "a:1",
    "b:1",
    "a:2",
    "b:2",
    "a:3",
  ]);
  expect(line.size).toBe(0);
  expect(line.take(none)).toBeUndefined();
});

test("a service with fewer slots comes first", () => {
  const line = lineOf("a:1", "b:1");
  expect(line.take((service) => (service === "a" ? 1 : 0))?.ref.service).toBe("b");
});

test("an item is in the line once, and leaves it when it is deleted", () => {
  const line = lineOf("a:1");
  const item = itemOf("b:1");
  line.add(item);
  line.add(item);
  expect(line.size).toBe(2);
  line.delete(item);
  line.delete(item);
  expect(line.size).toBe(1);
  expect(line.take(none)?.ref.service).toBe("a");
});
