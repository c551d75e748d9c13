// The compiled program that scenario tests run: dist/ten, compiled when it is missing or older than its sources.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { buildExecutable } from "../../scripts/build-binaries.ts";

export const ROOT = join(import.meta.dir, "../..");
const DIST = join(ROOT, "dist");
const EXECUTABLE = join(DIST, "ten");

let ready: Promise<string> | null = null;

/** Its absolute path; TEN_TEST_BINARY names another one. Compiles at most once in a run of the tests. */
export function executable(): Promise<string> {
  ready ??= provide();
  return ready;
}

async function provide(): Promise<string> {
  const given = process.env["TEN_TEST_BINARY"];
  if (given !== undefined) return given;
  if (modifiedAt(EXECUTABLE) < newestSource()) await compile();
  return EXECUTABLE;
}

function newestSource(): number {
  const sources = [
    ...new Bun.Glob("{src,native}/**/*").scanSync(ROOT),
    "scripts/build-binaries.ts",
    "package.json",
  ];
  return Math.max(...sources.map((path) => modifiedAt(join(ROOT, path))));
}

function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Compiles to a temporary directory and renames, because another run may be executing the old file. */
async function compile(): Promise<void> {
  mkdirSync(DIST, { recursive: true });
  const workshop = mkdtempSync(join(DIST, "build-"));
  try {
    await buildExecutable({ outfile: join(workshop, "ten") });
    for (const name of readdirSync(workshop)) renameSync(join(workshop, name), join(DIST, name));
  } finally {
    rmSync(workshop, { recursive: true });
  }
}
