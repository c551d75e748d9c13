import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderArchive } from "../../../../src/isolation/machine/cpio.ts";
import { isMissing } from "../../../support/tool.ts";

const ENTRIES = [
  { name: "etc", kind: "directory", content: new Uint8Array() },
  // Lengths that need padding to four bytes, and one that does not.
  { name: "etc/one", kind: "file", content: new TextEncoder().encode("1") },
  { name: "etc/four", kind: "program", content: new TextEncoder().encode("four") },
] as const;

test.skipIf(isMissing({ program: "cpio", debianPackage: "cpio" }))(
  "an archive unpacks to its entries",
  () => {
    const directory = mkdtempSync(join(tmpdir(), "ten-cpio-"));
    try {
      const archive = renderArchive(ENTRIES);
      const unpack = Bun.spawnSync(["cpio", "-i", "--quiet", "-H", "newc"], {
        cwd: directory,
        stdin: archive,
      });
      expect(unpack.stderr.toString()).toBe("");
      expect(readFileSync(join(directory, "etc/one"), "utf8")).toBe("1");
      expect(readFileSync(join(directory, "etc/four"), "utf8")).toBe("four");
      expect(statSync(join(directory, "etc/four")).mode & 0o777).toBe(0o755);
      expect(statSync(join(directory, "etc/one")).mode & 0o777).toBe(0o400);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

test("an archive is padded to whole words, so that the next one is found", () => {
  expect(renderArchive(ENTRIES).length % 4).toBe(0);
});
