import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLaunchStatus } from "../../../../src/isolation/launcher/launcher-status.ts";

const directory = mkdtempSync(join(tmpdir(), "ten-status-"));
const file = join(directory, "status");
afterAll(() => rmSync(directory, { recursive: true }));

const STARTED = "launcher 10 100\ninit 11 101\napp 12\n";

describe("a status file", () => {
  test("names the launcher's process and the application's", () => {
    writeFileSync(file, STARTED);
    expect(readLaunchStatus(file)).toEqual({
      launcher: { pid: 10, startTime: 100 },
      init: { pid: 11, startTime: 101 },
      app: 12,
      end: null,
      isGone: false,
    });
  });

  test("that does not exist holds no facts", () => {
    expect(readLaunchStatus(join(directory, "none"))).toEqual({
      launcher: null,
      init: null,
      app: null,
      end: null,
      isGone: false,
    });
  });
});
