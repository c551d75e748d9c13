import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRunsc } from "../../../../src/isolation/sandbox/runsc.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-runsc-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A program that answers as `runsc` does. */
function install(version: string, flags = ""): string {
  const program = join(directory, "runsc");
  const answers = `--version) echo "${version}" ;; flags) echo "${flags}" >&2 ;;`;
  writeFileSync(program, `#!/bin/sh\ncase "$1" in ${answers} esac\n`, { mode: 0o755 });
  return program;
}

test("runsc is found, with its features", () => {
  const program = install("runsc version release-20260905.0", "  -gofer-network-namespace value");
  expect(findRunsc(directory)).toEqual({
    kind: "ready",
    version: "release-20260905.0",
    runsc: { program, hasGoferNetwork: true },
  });
  install("runsc version release-20250503.0");
  expect(findRunsc(directory)).toMatchObject({ runsc: { hasGoferNetwork: false } });
});

test("a build without a version number is accepted", () => {
  install("runsc version VERSION_MISSING");
  expect(findRunsc(directory).kind).toBe("ready");
});

test("an old runsc is distinguished from a broken one", () => {
  install("runsc version 0.0~20221219.0");
  expect(findRunsc(directory)).toEqual({ kind: "old", found: "0.0~20221219.0" });
  install("what?");
  expect(findRunsc(directory)).toMatchObject({
    kind: "broken",
    reason: expect.stringContaining("what?"),
  });
});
