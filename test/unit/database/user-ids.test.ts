import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTenementDatabase, type TenementDatabase } from "../../../src/database/database.ts";
import { fakeUsers } from "../../support/fake-users.ts";

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
const take = (id: string, users = fakeUsers()) => database.userIds.take(ref(id), users);

test("an instance keeps its user id, also across a reopening", () => {
  const [a, b] = [take("a"), take("b")];
  expect(b).not.toBe(a);
  database[Symbol.dispose]();
  database = openTenementDatabase(directory);
  expect([take("a"), take("b")]).toEqual([a, b]);
  expect([a, b]).not.toContain(take("c"));
});

test("an instance keeps an id that is outside of the present range or in use", () => {
  const a = take("a");
  expect(take("a", { range: { first: 1, last: 2 }, isInUse: () => true })).toBe(a);
});

test("all ids of a range are given before a released one, then the longest unused first", () => {
  const users = fakeUsers({ count: 5 });
  const [a, b, c] = [take("a", users), take("b", users), take("c", users)];
  database.userIds.release(ref("b"));
  database.userIds.release(ref("a"));
  const [d, e] = [take("d", users), take("e", users)];
  expect(new Set([a, b, c, d, e]).size).toBe(5);
  database.userIds.release(ref("e"));
  expect([take("f", users), take("g", users), take("h", users)]).toEqual([b, a, e]);
});

test("an id that an account or a process of the host has is not given", () => {
  const [first, second] = [take("a"), take("b")];
  database.userIds.release(ref("a"));
  database.userIds.release(ref("b"));
  const { range } = fakeUsers();
  const users = { range, isInUse: (id: number) => id !== second };
  expect(take("c", users)).toBe(second);
  expect(() => take("d", users)).toThrow("all 1000 user ids are taken");
  expect(take("d", { range, isInUse: (id) => id !== first })).toBe(first);
});

test("when all user ids are taken the next instance is refused, until one is released", () => {
  const users = fakeUsers({ count: 3 });
  for (const id of ["a", "b", "c"]) take(id, users);
  expect(() => take("late", users)).toThrow("all 3 user ids are taken");
  const b = take("b");
  database.userIds.release(ref("b"));
  expect(take("late", users)).toBe(b);
});

test("two servers of a host begin at different ids", () => {
  const other = mkdtempSync(join(tmpdir(), "ten-ids-"));
  using second = openTenementDatabase(other);
  const users = fakeUsers({ count: 1_000_000 });
  expect(second.userIds.take(ref("a"), users)).not.toBe(take("a", users));
  rmSync(other, { recursive: true });
});
