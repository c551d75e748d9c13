import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exit } from "../../../src/core/instance.ts";
import { followLauncher, readLaunchStatus } from "../../../src/platform/launch-status.ts";
import { FakeChild } from "../../support/fake-world.ts";

const directory = mkdtempSync(join(tmpdir(), "ten-status-"));
const file = join(directory, "status");
afterAll(() => rmSync(directory, { recursive: true }));

const STARTED = "launcher 10 100\ninit 11 101\napp 12\n";

describe("a status file", () => {
  test("says which process is which", () => {
    writeFileSync(file, STARTED);
    expect(readLaunchStatus(file)).toEqual({
      launcher: { pid: 10, startTime: 100 },
      app: 12,
      end: null,
    });
  });

  test("that is not there says nothing", () => {
    expect(readLaunchStatus(join(directory, "none"))).toEqual({
      launcher: null,
      app: null,
      end: null,
    });
  });
});

describe("a launcher's end", () => {
  const cases: { lines: string; own: Exit; told: Exit }[] = [
    {
      lines: `${STARTED}exit 143 1700000000000\ngone\n`,
      own: { kind: "unknown" },
      told: { kind: "code", code: 143 },
    },
    {
      lines: `${STARTED}signal 9 1700000000000\ngone\n`,
      own: { kind: "code", code: 137 },
      told: { kind: "signal", signal: "SIGKILL" },
    },
    {
      lines: "launcher 10 100\nerror /srv/app: No such file or directory\n",
      own: { kind: "code", code: 126 },
      told: { kind: "unstarted", reason: "/srv/app: No such file or directory" },
    },
    {
      lines: STARTED,
      own: { kind: "signal", signal: "SIGKILL" },
      told: { kind: "signal", signal: "SIGKILL" },
    },
  ];
  for (const { lines, own, told } of cases) {
    test(`with ${JSON.stringify(lines.split("\n").at(-2))} is told as ${told.kind}`, async () => {
      writeFileSync(file, lines);
      const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
      const child = followLauncher(launcher, file);
      launcher.end(own);
      expect(await child.exited).toEqual(told);
      await child.gone;
    });
  }
});
