import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type MeasureBounds, measureDirectory } from "../../../src/storage/measure.ts";

const KIB = 1024;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ten-disk-"));
});

afterEach(() => rmSync(root, { recursive: true }));

function allocated(...paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + lstatSync(path).blocks * 512, 0);
}

function write(name: string, bytes: number): string {
  const path = join(root, name);
  writeFileSync(path, Buffer.alloc(bytes, "x"));
  return path;
}

test("counts the allocated bytes of all files and directories below", async () => {
  mkdirSync(join(root, "a", "b"), { recursive: true });
  const files = [write("one", 100 * KIB), write("a/two", 1), write("a/b/three", 300 * KIB)];
  const directories = [root, join(root, "a"), join(root, "a/b")];
  expect(await measureDirectory(root)).toBe(allocated(...files, ...directories));
  expect(await measureDirectory(root)).toBeGreaterThan(400 * KIB);
});

test("counts more entries than it examines together", async () => {
  const files = Array.from({ length: 300 }, (_, index) => write(`file-${index}`, 10));
  expect(await measureDirectory(root)).toBe(allocated(root, ...files));
});

test("lets other work run, however many files there are", async () => {
  for (let index = 0; index < 1000; index++) write(`file-${index}`, 0);
  let turns = 0;
  let isMeasuring = true;
  const others = (async () => {
    for (; isMeasuring; turns++) await setImmediate();
  })();
  await measureDirectory(root);
  isMeasuring = false;
  await others;
  expect(turns).toBeGreaterThanOrEqual(1000 / 64);
});

test("counts a file with several names once", async () => {
  const file = write("one", 200 * KIB);
  linkSync(file, join(root, "two"));
  linkSync(file, join(root, "three"));
  expect(await measureDirectory(root)).toBe(allocated(root, file));
});

test("counts no holes", async () => {
  const file = write("sparse", 0);
  truncateSync(file, 100 * KIB * KIB);
  expect(await measureDirectory(root)).toBeLessThan(1000 * KIB);
});

test("does not follow symbolic links, nor walk in circles", async () => {
  const inside = join(root, "inside");
  mkdirSync(inside);
  write("big", 500 * KIB);
  symlinkSync(join(root, "big"), join(inside, "file"));
  symlinkSync(root, join(inside, "directory"));
  expect(await measureDirectory(inside)).toBe(
    allocated(inside, join(inside, "file"), join(inside, "directory")),
  );
});

test("a directory that does not exist takes no space", async () => {
  expect(await measureDirectory(join(root, "none"))).toBe(0);
});

describe("a directory beyond the limits is measured by du", () => {
  const ample: MeasureBounds = {
    entries: 1000,
    directoryBytes: 1024 ** 2,
    linked: 1000,
    pathChars: 1000,
  };

  test.each([
    { ...ample, entries: 2 },
    { ...ample, directoryBytes: 1 },
    { ...ample, linked: 0 },
    { ...ample, pathChars: 1 },
  ])("with bounds %o", async (bounds) => {
    const inside = join(root, "inside");
    mkdirSync(inside);
    const file = write("inside/file", 200 * KIB);
    linkSync(file, join(inside, "again"));
    const other = write("other", 10 * KIB);
    expect(await measureDirectory(root, bounds)).toBe(allocated(root, inside, file, other));
  });

  test("files below a path longer than a system call takes are counted", async () => {
    const name = "n".repeat(200);
    const make = `i=0; while [ $i -lt 30 ]; do mkdir ${name} && cd ${name}; i=$((i+1)); done; head -c 500000 /dev/zero > big`;
    Bun.spawnSync(["sh", "-c", make], { cwd: root });
    expect(await measureDirectory(root)).toBeGreaterThan(500_000);
    Bun.spawnSync(["rm", "-rf", join(root, name)]);
  });
});
