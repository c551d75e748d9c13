import { expect, test } from "bun:test";
import {
  type FoundRows,
  fill,
  floorOf,
  type LineRow,
  merge,
} from "../../../../src/logs/archive/found-rows.ts";

/** Takes 300 bytes of room: 258 beside the text. */
const row = (id: number): LineRow => ({ id, at: 0, source: 1, text: "x".repeat(42) });
const rows = (...ids: readonly number[]) => ids.map(row);
const room = (lines: number, limit = 100) => ({ limit, bytes: lines * 300 });
const idsOf = (found: FoundRows) => found.rows.map(({ id }) => id);

test("fill() takes rows up to the limit, and is not cut by it", () => {
  const found = fill(rows(9, 8, 7), room(3, 2));
  expect(idsOf(found)).toEqual([9, 8]);
  expect(found).toMatchObject({ isCut: false, left: { limit: 0, bytes: 300 } });
});

test("fill() is cut where a row has no room, and reads no further", () => {
  const read: number[] = [];
  const source = function* () {
    for (const each of rows(9, 8, 7, 6)) {
      read.push(each.id);
      yield each;
    }
  };
  const found = fill(source(), room(2));
  expect(idsOf(found)).toEqual([9, 8]);
  expect(found.isCut).toBe(true);
  expect(read).toEqual([9, 8, 7]);
});

test("fill() counts a text as its JSON has it", () => {
  expect(fill([{ ...row(1), text: "\u0001".repeat(10) }], { limit: 1, bytes: 317 }).isCut).toBe(
    true,
  );
  expect(fill([{ ...row(1), text: "\u0001".repeat(10) }], { limit: 1, bytes: 318 }).isCut).toBe(
    false,
  );
});

test("merge() keeps the newest rows of both", () => {
  const merged = merge(fill(rows(9, 5), room(3)), fill(rows(8, 4), room(3)), room(3));
  expect(idsOf(merged)).toEqual([9, 8, 5]);
  expect(merged.isCut).toBe(true);
});

test("merge() leaves out what is older than a cut, so that a search goes on without a gap", () => {
  const loud = fill(rows(100, 99, 98), room(2));
  const quiet = fill(rows(3, 2), room(2));
  const merged = merge(quiet, loud, room(4));
  expect(idsOf(merged)).toEqual([100, 99]);
  expect(merged.isCut).toBe(true);
});

test("floorOf() is the oldest row where no older one is wanted any more", () => {
  expect(floorOf(fill(rows(9, 8), room(9)))).toBe(0);
  expect(floorOf(fill(rows(9, 8), room(9, 2)))).toBe(8);
  expect(floorOf(fill(rows(9, 8), room(1)))).toBe(9);
});
