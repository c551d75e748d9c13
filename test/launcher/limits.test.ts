// Limits of control groups: they hold from the first instruction, for everything that the application starts.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/until.ts";
import { LEVELS, type Level, openTenant, WALLED } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

setDefaultTimeout(120_000);

const MEBIBYTE = 1024 * 1024;
const HIERARCHIES = "/sys/fs/cgroup";
/** Version 1 has a hierarchy for each controller. */
const isVersion1 = existsSync(`${HIERARCHIES}/memory/memory.limit_in_bytes`);
const isVersion2 = existsSync(`${HIERARCHIES}/cgroup.controllers`);

interface Group extends Disposable {
  readonly directory: string;
  read(file: string): string;
  /** Leaves out a file that this kernel lacks. */
  set(file: string, value: string | number): void;
}

function openGroup(controller: string): Group {
  const parent = isVersion1 ? join(HIERARCHIES, controller) : HIERARCHIES;
  const directory = join(parent, `ten-test-${process.pid}-${controller}`);
  if (!isVersion1) writeFileSync(join(parent, "cgroup.subtree_control"), `+${controller}`);
  mkdirSync(directory);
  return {
    directory,
    read: (file) => readFileSync(join(directory, file), "utf8"),
    set(file, value) {
      if (existsSync(join(directory, file))) writeFileSync(join(directory, file), String(value));
    },
    [Symbol.dispose]: () => rmdirSync(directory),
  };
}

function isUnlimited(): boolean {
  if (isUnable()) return true;
  if (isVersion1 || isVersion2) return false;
  if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw new Error("needs control groups");
  console.warn("skipped tests of limits: needs control groups");
  return true;
}

describe.skipIf(isUnable())("an application at level", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  /** Soft and hard limit on open files, both limits on core files, the kernel's preference for killing it. */
  const PROGRAM = "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; cat /proc/self/oom_score_adj";

  test.each([...LEVELS])("%s has limits of its own, not the server's", async (level) => {
    const own = Bun.spawnSync(["prlimit", "--nofile", "--noheadings", "--raw", "--output", "HARD"]);
    const files = Number(own.stdout.toString());
    const hard = Math.min(files, 65_536);
    expect(await limitsAt(level, { files, score: 100 })).toEqual([1024, hard, 0, 0, 300]);
  });

  test.each([...LEVELS])("%s has no more than the server", async (level) => {
    expect(await limitsAt(level, { files: 500, score: 950 })).toEqual([500, 500, 0, 0, 1000]);
  });

  /** One process for the shell, one for each `sleep`. */
  const forks = (count: number) =>
    `for i in $(seq ${count}); do sleep 100000 & done && echo up; wait`;

  test.each([...WALLED])("%s can start as many processes as it may, and no more", async (level) => {
    using tenant = openTenant(level, programs);
    const socket = join(tenant.directory("sockets"), "socket");
    const network = ["--private-net", "--forward", `${socket}:30000`];
    // As root the kernel also counts processes of other tests that have the same user, in other runs as well.
    const id = String(61_300 + (process.pid % 4000));
    const user = ["--uid", id, "--gid", id, "--chdir", "/tmp"];
    for (const more of [[], network]) {
      const options = ["--processes", "9", ...(level === "walls" ? user : []), ...more];
      const start = (count: number) => tenant.launch(["sh", "-c", forks(count)], { options });
      await using fitting = start(8);
      await fitting.says("up");
      await fitting[Symbol.asyncDispose]();
      await using exceeding = start(9);
      expect((await exceeding.end()).stderr).toContain("Cannot fork");
    }
  });

  test("rootless walls does not count the other processes of its user", async () => {
    using tenant = openTenant("rootless walls", programs);
    const options = ["--processes", "9"];
    await using first = tenant.launch(["sh", "-c", forks(8)], { options });
    await first.says("up");
    await using second = tenant.launch(["sh", "-c", forks(8)], { options });
    await second.says("up");
  });

  async function limitsAt(
    level: Level,
    { files, score }: { files: number; score: number },
  ): Promise<readonly number[]> {
    using tenant = openTenant(level, programs);
    const server = ["prlimit", `--nofile=${files}:${files}`, "--core=4096:4096"];
    await using launched = tenant.launch(["bash", "-c", PROGRAM], {
      prefix: [...server, "choom", "-n", String(score), "--", ...tenant.prefix],
    });
    const { stderr, stdout } = await launched.end();
    expect(stderr).toBe("");
    return stdout.trim().split("\n").map(Number);
  }
});

describe.skipIf(isUnlimited())("a limit", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  test.each(["process", "walls"] as const)(
    "of memory kills the application at level %s",
    async (level) => {
      using tenant = openTenant(level, programs);
      using group = openGroup("memory");
      for (const file of ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max"])
        group.set(file, 32 * MEBIBYTE);
      group.set("memory.swap.max", 0);
      // `tail` keeps a line that never ends.
      await using launched = tenant.launch(["sh", "-c", "exec tail /dev/zero"], {
        options: ["--cgroup", group.directory],
      });
      const { code, status } = await launched.end();
      expect(code).toBe(128 + 9);
      expect(status.some((line) => line.startsWith("signal 9 "))).toBeTrue();
      const events = group.read(isVersion1 ? "memory.oom_control" : "memory.events");
      expect(events).toMatch(/^oom_kill 1$/m);
    },
  );

  test("of processes is enforced, and counts the launcher", async () => {
    using tenant = openTenant("walls", programs);
    using group = openGroup("pids");
    group.set("pids.max", 6);
    const forks = "for i in 1 2 3 4 5 6; do sleep 100000 & done; wait";
    await using launched = tenant.launch(["sh", "-c", forks], {
      options: ["--cgroup", group.directory],
    });
    const { stderr } = await launched.end();
    expect(stderr).toContain("Cannot fork");
  });

  test("includes all that the application starts, and the launcher", async () => {
    using tenant = openTenant("walls", programs);
    using group = openGroup("cpu");
    group.set("cpu.shares", 256);
    await using launched = tenant.launch(["sh", "-c", "setsid sleep 100000 & echo up; wait"], {
      options: ["--cgroup", group.directory],
    });
    await launched.says("up");
    const members = group.read("cgroup.procs").trim().split("\n");
    expect(members).toContain(String(launched.process.pid));
    expect(members).toContain(await launched.fact("app"));
    expect(members).toHaveLength(4);
    launched.process.kill("SIGKILL");
    await until("the group is empty", () => group.read("cgroup.procs") === "");
  });

  test("that can't be applied keeps the application from starting", async () => {
    using tenant = openTenant("walls", programs);
    const nowhere = `${HIERARCHIES}/ten-no-such-group`;
    await using launched = tenant.launch(["echo", "ran"], { options: ["--cgroup", nowhere] });
    const { code, stdout } = await launched.end();
    expect({ code, stdout }).toEqual({ code: 126, stdout: "" });
  });
});
