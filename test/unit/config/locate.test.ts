import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locateConfig, locateDataDir, overrideDataDir } from "../../../src/config/locate.ts";
import { errorOf } from "./refusal.ts";

let root: string;
let below: string;
let file: string;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "ten-locate-")));
  below = join(root, "project", "a", "b");
  file = join(root, "project", "tenement.toml");
  mkdirSync(below, { recursive: true });
  mkdirSync(join(root, "project", "a", "tenement.toml"));
  writeFileSync(file, '[settings]\ndata_dir = "state"\n');
});

afterAll(() => rmSync(root, { recursive: true }));

const NOTHING = { flag: undefined, env: {} };

test("prefers the flag to the environment, and the environment to the nearest file", () => {
  const env = { TENEMENT_CONFIG: "from-env.toml" };
  expect(locateConfig({ flag: "x.toml", env, cwd: below })).toBe(join(below, "x.toml"));
  expect(locateConfig({ flag: undefined, env, cwd: below })).toBe(join(below, "from-env.toml"));
  expect(locateConfig({ ...NOTHING, cwd: below })).toBe(file);
});

test("ignores an empty variable and a directory with the file's name", () => {
  expect(locateConfig({ flag: undefined, env: { TENEMENT_CONFIG: "" }, cwd: below })).toBe(file);
});

test("an error without a file names the searched directories and a remedy", () => {
  const error = errorOf(() => locateConfig({ ...NOTHING, cwd: root }));
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message).toBe(
    `Cannot find "tenement.toml": neither "${root}" nor a directory above it has one`,
  );
  expect(error.hint).toContain("ten init");
});

test("flag and environment override the data directory", () => {
  const env = { TENEMENT_DATA_DIR: "from-env" };
  expect(overrideDataDir({ flag: "x", env, cwd: "/srv" })).toBe("/srv/x");
  expect(overrideDataDir({ flag: undefined, env, cwd: "/srv" })).toBe("/srv/from-env");
  expect(overrideDataDir({ ...NOTHING, cwd: "/srv" })).toBeUndefined();
  const error = errorOf(() => overrideDataDir({ flag: "~/x", env: {}, cwd: "/srv" }));
  expect(error.code).toBe("CONFIG_INVALID");
  expect(error.message).toContain('expected a path without "~"');
});

test("a client finds the data directory by flag, environment, file and default", () => {
  const env = { TENEMENT_DATA_DIR: "/from/env" };
  expect(locateDataDir({ flag: "/x", env, cwd: below })).toBe("/x");
  expect(locateDataDir({ flag: undefined, env, cwd: below })).toBe("/from/env");
  expect(locateDataDir({ ...NOTHING, cwd: below })).toBe(join(root, "project", "state"));
  expect(locateDataDir({ ...NOTHING, cwd: root })).toBe(join(root, "tenement-data"));
  expect(locateDataDir({ ...NOTHING, cwd: root, configFlag: "project/tenement.toml" })).toBe(
    join(root, "project", "state"),
  );
});

test.each([
  ['[settings]\ndata_dir = "state"\ncolour = 1', "state"],
  ['[settings]\ndata_dir = "state"\n[broken', "state"],
  ["[settings]\ndata_dir = 3", "tenement-data"],
  ["", "tenement-data"],
])("a client reads the data directory of %j although it is invalid", (text, dataDir) => {
  const configFlag = join(root, "lenient.toml");
  writeFileSync(configFlag, text);
  expect(locateDataDir({ ...NOTHING, cwd: below, configFlag })).toBe(join(root, dataDir));
});

test("a client accepts a named file that does not exist", () => {
  const configFlag = join(root, "project", "gone.toml");
  const dataDir = locateDataDir({ ...NOTHING, cwd: below, configFlag });
  expect(dataDir).toBe(join(root, "project", "tenement-data"));
});
