import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Trash } from "../../../../src/platform/process/trash.ts";
import { FakeClock, settle } from "../../../support/fake-clock.ts";

let dataDir: string;
let clock: FakeClock;
let reports: unknown[];
/** Calls that the test completes. */
let calls: { readonly paths: readonly string[]; end(error?: Error): void }[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "ten-trash-"));
  clock = new FakeClock();
  reports = [];
  calls = [];
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function openTrash(): Trash {
  return new Trash({
    dataDir,
    clock,
    trees: {
      delete: (paths, signal) =>
        new Promise((resolve, reject) => {
          signal?.addEventListener("abort", () => reject(new Error("killed")));
          calls.push({
            paths,
            end(error) {
              if (error !== undefined) return reject(error);
              for (const path of paths) rmSync(path, { recursive: true });
              resolve();
            },
          });
        }),
    },
    report: (event) => reports.push(event),
  });
}

function discard(trash: Trash, name: string): void {
  mkdirSync(join(dataDir, name));
  trash.moveAway(join(dataDir, name));
  expect(existsSync(join(dataDir, name))).toBe(false);
}

const GATHER_MS = 250;
const gathered = () => clock.advance(GATHER_MS);
const left = () => readdirSync(join(dataDir, ".trash"));

test("deletes in the background, one process at a time", async () => {
  const trash = openTrash();
  discard(trash, "a");
  await gathered();
  for (const name of ["b", "c"]) discard(trash, name);
  await gathered();
  expect(calls.map(({ paths }) => paths.length)).toEqual([1]);
  calls[0]?.end();
  await settle();
  expect(calls.map(({ paths }) => paths.length)).toEqual([1, 2]);
  calls[1]?.end();
  await settle();
  expect(left()).toEqual([]);
  discard(trash, "d");
  await gathered();
  expect(calls).toHaveLength(3);
});

test("starts no process at the moment of an end, and one for all that end together", async () => {
  const trash = openTrash();
  for (const name of ["a", "b", "c"]) discard(trash, name);
  await settle();
  expect(calls).toEqual([]);
  await gathered();
  expect(calls.map(({ paths }) => paths.length)).toEqual([3]);
});

test("a path that does not exist needs no process", () => {
  openTrash().moveAway(join(dataDir, "none"));
  expect(calls).toEqual([]);
});

test("reports what can't be deleted, and goes on with the rest", async () => {
  const trash = openTrash();
  discard(trash, "a");
  await gathered();
  discard(trash, "b");
  calls[0]?.end(new Error("1 left, such as a/f: Operation not permitted"));
  await settle();
  expect(reports).toEqual([expect.stringContaining("a/f: Operation not permitted")]);
  calls[1]?.end();
  await settle();
  expect(left()).toEqual([basename(calls[0]?.paths[0] ?? "")]);
  expect(calls).toHaveLength(2);
});

test("the next server deletes what a stopped or killed one has left", async () => {
  const trash = openTrash();
  discard(trash, "a");
  await gathered();
  await trash[Symbol.asyncDispose]();
  expect(reports).toEqual([]);
  expect(left()).toHaveLength(1);
  openTrash().empty();
  await gathered();
  calls[1]?.end();
  await settle();
  expect(left()).toEqual([]);
});
