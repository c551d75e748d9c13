import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { USER_ID_MIN } from "../../../src/core/walls.ts";
import { giveTree, isRoot } from "../../../src/platform/owner.ts";

let directory: string;
let tree: string;
let outside: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-owner-"));
  tree = join(directory, "tree");
  outside = join(directory, "outside");
  mkdirSync(join(tree, "a/b"), { recursive: true });
  writeFileSync(outside, "");
  writeFileSync(join(tree, "a/b/file"), "");
  symlinkSync(outside, join(tree, "a/link"));
});

afterEach(() => rmSync(directory, { recursive: true }));

const ownerOf = (path: string) => lstatSync(path).uid;

describe.skipIf(!isRoot())("a tree that is given to a user", () => {
  test("changes the owner of every file in it, and of none outside", () => {
    giveTree(tree, USER_ID_MIN);
    const paths = ["", "a", "a/b", "a/b/file", "a/link"].map((path) => join(tree, path));
    expect(paths.map(ownerOf)).toEqual(paths.map(() => USER_ID_MIN));
    expect(ownerOf(outside)).toBe(0);
  });

  test("is not traversed again once its top belongs to the user", () => {
    giveTree(tree, USER_ID_MIN);
    writeFileSync(join(tree, "later"), "");
    giveTree(tree, USER_ID_MIN);
    expect(ownerOf(join(tree, "later"))).toBe(0);
  });
});
