import { expect, test } from "bun:test";
import { depthOf, isUnder } from "../../../src/core/paths.ts";

test.each([
  ["/srv/app", "/srv/app"],
  ["/srv/app/bin", "/srv/app"],
  ["/srv/app", "/"],
  ["/srv/app/bin", "/srv/app/"],
])("%s is under %s", (path, directory) => {
  expect(isUnder(path, directory)).toBe(true);
});

test.each([
  ["/srv/application", "/srv/app"],
  ["/srv", "/srv/app"],
  ["/srv/app", "/srv/app/"],
])("%s is not under %s", (path, directory) => {
  expect(isUnder(path, directory)).toBe(false);
});

test("a path's depth is the number of its segments", () => {
  expect(["/", "/srv", "/srv/app/"].map(depthOf)).toEqual([0, 1, 2]);
});
