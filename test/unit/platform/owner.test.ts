import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { USER_ID_RANGES } from "../../../src/core/user-id-ranges.ts";
import { giveTree, isRoot } from "../../../src/platform/owner.ts";

const OWNER = USER_ID_RANGES[0].first;

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
    giveTree(tree, OWNER);
    const paths = ["", "a", "a/b", "a/b/file", "a/link"].map((path) => join(tree, path));
    expect(paths.map(ownerOf)).toEqual(paths.map(() => OWNER));
    expect(ownerOf(outside)).toBe(0);
  });

  test("is not traversed again once its top belongs to the user", () => {
    giveTree(tree, OWNER);
    writeFileSync(join(tree, "later"), "");
    giveTree(tree, OWNER);
    expect(ownerOf(join(tree, "later"))).toBe(0);
  });
});
