import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { USER_ID_MAX, USER_ID_MIN } from "../../../src/core/walls.ts";
import { openTenementDatabase, type TenementDatabase } from "../../../src/database/database.ts";

let directory: string;
let database: TenementDatabase;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-ids-"));
  database = openTenementDatabase(directory);
});

afterEach(() => {
  database[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

const ref = (id: string) => ({ service: "notes", id });

test("an instance keeps its user id across a reopening", () => {
  expect(database.userIds.take(ref("a"))).toBe(USER_ID_MIN);
  expect(database.userIds.take(ref("b"))).toBe(USER_ID_MIN + 1);
  database[Symbol.dispose]();
  database = openTenementDatabase(directory);
  expect(database.userIds.take(ref("b"))).toBe(USER_ID_MIN + 1);
  expect(database.userIds.take({ service: "other", id: "b" })).toBe(USER_ID_MIN + 2);
});

test("a user id stays taken until its release; the lowest free id is taken first", () => {
  for (const id of ["a", "b", "c"]) database.userIds.take(ref(id));
  database.userIds.release(ref("a"));
  database.userIds.release(ref("b"));
  expect(database.userIds.take(ref("d"))).toBe(USER_ID_MIN);
  expect(database.userIds.take(ref("e"))).toBe(USER_ID_MIN + 1);
  expect(database.userIds.take(ref("f"))).toBe(USER_ID_MIN + 3);
});

test("take() fails when all user ids are taken, until one is released", () => {
  const count = USER_ID_MAX - USER_ID_MIN + 1;
  for (let index = 0; index < count; index++) database.userIds.take(ref(String(index)));
  expect(() => database.userIds.take(ref("late"))).toThrow(`all ${count} user ids are taken`);
  database.userIds.release(ref("7"));
  expect(database.userIds.take(ref("late"))).toBe(USER_ID_MIN + 7);
});
