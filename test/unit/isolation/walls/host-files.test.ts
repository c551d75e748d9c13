// Private files among the host's software.
import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findHostFiles, findPrivateFiles } from "../../../../src/isolation/walls/host-files.ts";

test("private files are those that others may not read, and directories that others may not enter", () => {
  const root = mkdtempSync(join(tmpdir(), "ten-private-"));
  const at = (path: string) => join(root, path);
  try {
    for (const path of ["open/deep/deeper", "closed"]) mkdirSync(at(path), { recursive: true });
    const files = ["key", "public", "open/key", "closed/inner", "open/deep/deeper/key"];
    for (const path of files) writeFileSync(at(path), "");
    for (const path of files.filter((path) => path.endsWith("key"))) chmodSync(at(path), 0o640);
    chmodSync(at("closed"), 0o700);
    symlinkSync("closed", at("link"));
    const found = (depth: number) => [...findPrivateFiles([{ directory: root, depth }])].sort();
    expect(found(2)).toEqual([at("closed"), at("key"), at("open/key")]);
    expect(found(4)).toContain(at("open/deep/deeper/key"));
    expect(findPrivateFiles([{ directory: at("none"), depth: 9 }])).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("as root no private files are looked for, since every tenant has a user of its own", () => {
  const { privateFiles, software } = findHostFiles();
  expect(software).toContain("/usr");
  if (process.getuid?.() === 0) expect(privateFiles).toEqual([]);
});
