import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTenementDatabase } from "../../../src/database/database.ts";
import { lockDirectory } from "../../../src/platform/lock.ts";

let root: string;
let data: string;
const modeOf = (...path: string[]) => statSync(join(data, ...path)).mode & 0o7777;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ten-private-"));
  data = join(root, "data");
});
afterEach(() => rmSync(root, { recursive: true }));

function serve(): void {
  const lock = lockDirectory(data);
  openTenementDatabase(data)[Symbol.dispose]();
  lock[Symbol.dispose]();
}

/** Makes a directory or a file that all users may read. */
function makeOpen(path: string, kind: "directory" | "file" = "directory"): void {
  if (kind === "directory") mkdirSync(path, { recursive: true });
  else writeFileSync(path, "");
  chmodSync(path, kind === "directory" ? 0o755 : 0o644);
}

const FILES = ["tenement.lock", "tenement.db", "logs.db", "tenement.pid"];

test("a data directory that was there, open to all users, is closed with its files", () => {
  makeOpen(data);
  serve();
  expect(modeOf()).toBe(0o700);
  expect(FILES.map((name) => modeOf(name))).toEqual(FILES.map(() => 0o600));
});

test("what an earlier server left open is closed", () => {
  makeOpen(data);
  for (const name of [...FILES, "logs.db-wal", "logs.db-shm"]) makeOpen(join(data, name), "file");
  mkdirSync(join(data, "notes"), { mode: 0o700 });
  mkdirSync(join(data, ".walls"), { mode: 0o700 });
  serve();
  expect(modeOf()).toBe(0o700);
  expect(modeOf("logs.db")).toBe(0o600);
  expect(modeOf("logs.db-wal")).toBe(0o600);
});

test.each([
  ["holds files of others", 0o755, () => makeOpen(join(data, "site"))],
  ["is for everybody's files", 0o1777, () => undefined],
])("a directory that %s keeps its mode, and the server's files are closed", (_, mode, fill) => {
  makeOpen(data);
  fill();
  chmodSync(data, mode);
  serve();
  expect(modeOf()).toBe(mode);
  expect(FILES.map((name) => modeOf(name))).toEqual(FILES.map(() => 0o600));
});
