import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exit } from "../../../../src/core/life/instance.ts";
import { LANDLOCK_PORTS } from "../../../../src/core/walls.ts";
import { ControlGroup } from "../../../../src/isolation/cgroup/group.ts";
import { followLauncher } from "../../../../src/isolation/launcher/launcher-follower.ts";
import { landlockVersion } from "../../../../src/platform/kernel/landlock.ts";
import { startTimeOf } from "../../../../src/platform/process/processes.ts";
import { FakeChild } from "../../../support/fake-world.ts";

const NO_GROUP = new ControlGroup([]);
const WALLS = { kind: "walls", owner: 61_185, sharesPorts: () => false } as const;
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
      const child = followLauncher(launcher, {
        statusFile: file,
        group: NO_GROUP,
        containment: WALLS,
      });
      launcher.end(own);
      expect(await child.exited).toEqual(told);
      await child.gone;
    });
  }
});

test("an application's exit is reported while its launcher waits for descendants", async () => {
  appendFileSync(file, STARTED);
  const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
  const child = followLauncher(launcher, {
    statusFile: file,
    group: NO_GROUP,
    containment: WALLS,
  });
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
  const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP, containment: WALLS });
  expect(child.isRunning()).toBe(true);
  app.kill("SIGKILL");
  while (child.isRunning());
  launcher.end({ kind: "code", code: 3 });
  expect(child.isRunning()).toBe(false);
});

test("a look at an application finds its exit where the system has no watch for the status", async () => {
  rmSync(file);
  const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
  const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP, containment: WALLS });
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
        containment: WALLS,
      });
      launcher.end(own);
      expect(await child.exited).toEqual(told);
    });
  }
});

describe("a launcher that was killed", () => {
  /** A process that runs until it is killed. */
  function startLasting(env: Record<string, string> = {}) {
    const lasting = Bun.spawn(["sleep", "1000"], { env, stdio: ["ignore", "ignore", "ignore"] });
    return { lasting, ref: { pid: lasting.pid, startTime: startTimeOf(lasting.pid) ?? 0 } };
  }

  test("leaves walls whose processes are gone only with their init", async () => {
    const { lasting, ref } = startLasting();
    writeFileSync(file, `launcher 10 100\ninit ${ref.pid} ${ref.startTime}\napp 12\n`);
    const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
    const child = followLauncher(launcher, {
      statusFile: file,
      group: NO_GROUP,
      containment: WALLS,
    });
    launcher.end({ kind: "signal", signal: "SIGKILL" });
    await child.gone;
    expect(startTimeOf(ref.pid)).toBeNull();
    await lasting.exited;
  });

  test.each([
    { name: "at level process ends what bears its mark", kind: "mark", isEnded: true },
    { name: "behind walls ends nothing by a mark", kind: "walls", isEnded: false },
  ] as const)("$name", async ({ isEnded, kind }) => {
    const mark = `${directory}/notes/alice#0`;
    const { lasting, ref } = startLasting({ TENEMENT_MARK: mark });
    writeFileSync(file, "launcher 10 100\napp 12\n");
    const launcher = new FakeChild({ pid: 10, startTime: 100 }, mark, {});
    const containment = kind === "mark" ? { kind, mark } : WALLS;
    const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP, containment });
    launcher.end({ kind: "signal", signal: "SIGKILL" });
    await child.gone;
    expect(startTimeOf(ref.pid) === null).toBe(isEnded);
    lasting.kill("SIGKILL");
    await lasting.exited;
  });
});

test("a socket is a walled tenant's own by its user, whoever has it open", async () => {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: () => undefined },
  });
  const listensAs = (owner: number) => {
    const sharesPorts = () => false;
    const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
    const containment = { kind: "walls", owner, sharesPorts } as const;
    const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP, containment });
    return child.listensOn(listener.port).finally(() => launcher.end({ kind: "unknown" }));
  };
  expect(await listensAs(process.geteuid?.() ?? 0)).toBe(true);
  expect(await listensAs(61_185)).toBe(false);
  listener.stop(true);
});

test("a socket of the same user is not a rootless tenant's own while tenants share ports", async () => {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: () => undefined },
  });
  const app = Bun.spawn(["sleep", "1000"]);
  appendFileSync(file, `launcher ${app.pid} 100\napp ${app.pid}\n`);
  const listensWhile = (isShared: boolean) => {
    const launcher = new FakeChild({ pid: app.pid, startTime: 100 }, directory, {});
    const containment = { kind: "walls", owner: null, sharesPorts: () => isShared } as const;
    const child = followLauncher(launcher, { statusFile: file, group: NO_GROUP, containment });
    return child.listensOn(listener.port).finally(() => launcher.end({ kind: "unknown" }));
  };
  expect(await listensWhile(true)).toBe(false);
  if ((landlockVersion() ?? 0) >= LANDLOCK_PORTS) expect(await listensWhile(false)).toBe(true);
  app.kill("SIGKILL");
  listener.stop(true);
});

describe("the memory of a launch", () => {
  test.each([
    {
      version: 2,
      files: { "memory.current": "50000000\n", "memory.stat": "anon 1\ninactive_file 8000000\n" },
    },
    {
      version: 1,
      files: {
        "memory.usage_in_bytes": "50000000\n",
        "memory.stat": "inactive_file 5\ntotal_inactive_file 8000000\n",
      },
    },
  ])("is its group's of version $version, without idle caches", async ({ files }) => {
    const group = join(directory, "group");
    mkdirSync(group);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(group, name), text);
    const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
    const child = followLauncher(launcher, {
      statusFile: file,
      group: new ControlGroup([group]),
      containment: WALLS,
    });
    expect(await child.memoryBytes()).toBe(42_000_000);
  });

  test("is that of the launcher's family where no group counts it", async () => {
    const launcher = new FakeChild({ pid: 10, startTime: 100 }, directory, {});
    launcher.memoryBytes = async () => 7;
    const launch = { statusFile: file, group: NO_GROUP, containment: WALLS };
    expect(await followLauncher(launcher, launch).memoryBytes()).toBe(7);
  });
});
