// The files of this host, as the search for programs reads them.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loaderIn } from "../../../../src/isolation/programs/elf.ts";
import { hostPrograms } from "../../../../src/isolation/programs/host-programs.ts";

let root: string;
const at = (path: string) => join(root, path);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ten-files-"));
  writeFileSync(at("run"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(at("text"), "hello");
  symlinkSync("run", at("link"));
});

afterEach(() => rmSync(root, { recursive: true }));

test("tells files, programs, directories and links apart", () => {
  const files = hostPrograms(() => false);
  expect(
    ["run", "text", "link", ".", "none", "run/x"].map((path) => files.entry(at(path))),
  ).toEqual([
    { kind: "file", isExecutable: true },
    { kind: "file", isExecutable: false },
    { kind: "link", target: "run" },
    { kind: "directory" },
    null,
    null,
  ]);
  expect([...files.names(root)].sort()).toEqual(["link", "run", "text"]);
});

test("reads text of regular files, and none that a tenant may have made", () => {
  const files = hostPrograms((path) => path === at("text"));
  expect([files.read(at("run")), files.read(at("text")), files.read(root)]).toEqual([
    "#!/bin/sh\n",
    "",
    "",
  ]);
});

test("reads a file beyond its head, up to a bound, and nothing of the one before", () => {
  writeFileSync(at("long"), `${"a".repeat(5000)}${"b".repeat(100_000)}`);
  writeFileSync(at("empty"), "");
  const files = hostPrograms(() => false);
  const text = files.read(at("long"));
  expect([text.length, text.slice(4998, 5002)]).toEqual([65_536, "aabb"]);
  expect(files.read(at("empty"))).toBe("");
});

test.skipIf(process.platform !== "linux")("does not wait for a pipe", () => {
  Bun.spawnSync(["mkfifo", at("pipe")]);
  expect(hostPrograms(() => false).read(at("pipe"))).toBe("");
});

test.skipIf(process.platform !== "linux")(
  "finds the loader of a binary, whose text it leaves out",
  () => {
    const files = hostPrograms(() => false);
    expect(files.loader("/bin/sh")).toMatch(/^\/lib.*\/ld-/);
    expect([files.read("/bin/sh"), files.loader(at("run"))]).toEqual(["", null]);
  },
);

test.skipIf(process.platform !== "linux")(
  "a beginning that is cut off or damaged has no loader",
  () => {
    const bytes = new Uint8Array(readFileSync("/bin/sh"));
    for (const length of [0, 4, 40, 64, 100])
      expect(loaderIn(bytes.subarray(0, length))).toBe(null);
    expect(loaderIn(new Uint8Array(bytes).fill(0xff, 32))).toBe(null);
  },
);
