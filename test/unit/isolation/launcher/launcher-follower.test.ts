import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exit } from "../../../../src/core/life/instance.ts";
import { ControlGroup } from "../../../../src/isolation/cgroup/group.ts";
import { followLauncher } from "../../../../src/isolation/launcher/launcher-follower.ts";
import { FakeChild } from "../../../support/fake-world.ts";

const NO_GROUP = new ControlGroup([]);
const STARTED = "launcher 10 100\ninit 11 101\napp 12\n";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-follower-"));
  file = join(directory, "status");
  writeFileSync(file, "");
});

afterEach(() => rmSync(directory, { recursive: true }));

describe("a launcher's exit", () => {
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
    test(`with the status ${JSON.stringify(lines.split("\n").at(-2))} is reported as ${told.kind}`, async () => {
      writeFileSync(file, lines);
      const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
      const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP });
      launcher.end(own);
      expect(await child.exited).toEqual(told);
      await child.gone;
    });
  }
});

test("an application's exit is reported while its launcher waits for descendants", async () => {
  appendFileSync(file, STARTED);
  const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
  const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP });
  expect(child.app).toBe(12);
  appendFileSync(file, "exit 3 1700000000000\n");
  expect(await child.exited).toEqual({ kind: "code", code: 3 });
  launcher.end({ kind: "code", code: 3 });
  await child.gone;
});

test("an application runs until it has ended, also while its launcher waits for descendants", async () => {
  const app = Bun.spawn(["sleep", "1000"]);
  appendFileSync(file, `launcher 10 100\ninit 11 101\napp ${app.pid}\n`);
  const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
  const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP });
  expect(child.isRunning()).toBe(true);
  app.kill("SIGKILL");
  while (child.isRunning());
  launcher.end({ kind: "code", code: 3 });
  expect(child.isRunning()).toBe(false);
});

test("a look at an application finds its exit where the system has no watch for the status", async () => {
  rmSync(file);
  const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
  const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP });
  writeFileSync(file, `${STARTED}exit 3 1700000000000\n`);
  child.isRunning();
  expect(await child.exited).toEqual({ kind: "code", code: 3 });
});

describe("a kill for lack of memory", () => {
  const cases: { name: string; files: Record<string, string>; own: Exit; told: Exit }[] = [
    {
      name: "is reported with the limit of version 2, also when the launcher was killed as well",
      files: { "memory.events": "low 0\noom 1\noom_kill 2\n", "memory.max": "67108864\n" },
      own: { kind: "unknown" },
      told: { kind: "outOfMemory", limitBytes: 64 * 1024 ** 2 },
    },
    {
      name: "is reported with the limit of version 1",
      files: {
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        "memory.limit_in_bytes": "33554432\n",
      },
      own: { kind: "signal", signal: "SIGKILL" },
      told: { kind: "outOfMemory", limitBytes: 32 * 1024 ** 2 },
    },
    {
      name: "is reported as the host's where there is no limit",
      files: { "memory.events": "oom_kill 1\n", "memory.max": "max\n" },
      own: { kind: "code", code: 137 },
      told: { kind: "outOfMemory", limitBytes: null },
    },
    {
      name: "of a descendant does not explain the application's own exit",
      files: { "memory.events": "oom_kill 1\n", "memory.max": "67108864\n" },
      own: { kind: "code", code: 1 },
      told: { kind: "code", code: 1 },
    },
    {
      name: "is not reported when the group counted none",
      files: { "memory.events": "oom_kill 0\n", "memory.max": "67108864\n" },
      own: { kind: "signal", signal: "SIGKILL" },
      told: { kind: "signal", signal: "SIGKILL" },
    },
  ];
  for (const { name, files, own, told } of cases) {
    test(name, async () => {
      const group = join(directory, "group");
      mkdirSync(group);
      for (const [name, text] of Object.entries(files)) writeFileSync(join(group, name), text);
      const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
      const child = followLauncher(launcher, {
        statusFile: file,
        group: new ControlGroup([group]),
      });
      launcher.end(own);
      expect(await child.exited).toEqual(told);
    });
  }
});
