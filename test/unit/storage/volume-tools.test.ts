import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePipes } from "../../../src/platform/process/output-pipes.ts";
import { runTool } from "../../../src/storage/volume-tools.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-tools-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a tool that hangs is given up after its deadline", async () => {
  const pipe = join(directory, "pipe");
  makePipes(directory, [pipe]);
  const copied = runTool("cp", [pipe, join(directory, "copy")], { timeoutMs: 20 });
  await expect(copied).rejects.toThrow("cp did not end within 0.02 s");
});

test("a tool that fails rejects with its first line", async () => {
  const copied = runTool("cp", [join(directory, "none"), directory]);
  await expect(copied).rejects.toThrow(/^cp: .*none.*No such file/);
});
