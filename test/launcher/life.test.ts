// The life of an application from start to exit, and its status file, at each level.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { until } from "../support/until.ts";
import { KILL_ALL } from "./launch.ts";
import { LEVELS, openTenant, WALLED } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

setDefaultTimeout(120_000);

/** Prints "up" and stays. */
const STAYING = ["sh", "-c", "echo up; exec sleep 100000"];

describe.skipIf(isUnable())("an application", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  describe.each([...LEVELS])("at level %s", (level) => {
    test("exits with the code that the launcher exits with and the status file names", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch(["sh", "-c", "echo out; echo err >&2; exit 7"]);
      const { code, stdout, stderr, status } = await launched.end();
      expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
      expect(status[0]).toMatch(new RegExp(`^launcher ${launched.process.pid} \\d+$`));
      expect(status.at(-2)).toMatch(/^exit 7 \d{13}$/);
      expect(status.at(-1)).toBe("gone");
    });

    test("is killed by a signal that the status file names", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch(["sh", "-c", "kill -9 $$"]);
      const { code, status } = await launched.end();
      expect(code).toBe(128 + 9);
      expect(status.at(-2)).toMatch(/^signal 9 \d{13}$/);
    });

    test("has its host pid in the status file", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch(STAYING);
      await launched.says("up");
      const app = Number(await launched.fact("app"));
      // It speaks before it becomes the other program.
      await until(`${app} is it`, () => commandOf(app) === "sleep 100000");
    });

    test.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const)(
      "gets %s in its own handler",
      async (signal) => {
        using tenant = openTenant(level, programs);
        const name = signal.slice(3);
        await using launched = tenant.launch([
          "sh",
          "-c",
          `trap 'echo got; exit 3' ${name}; echo up; while :; do sleep 0.02; done`,
        ]);
        await launched.says("up");
        launched.process.kill(signal);
        const { code, stdout } = await launched.end();
        expect({ code, stdout }).toEqual({ code: 3, stdout: "up\ngot\n" });
      },
    );

    test("receives a signal once that is sent to the launcher's process group", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch([
        "sh",
        "-c",
        "trap 'echo got' USR1; trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done",
      ]);
      await launched.says("up");
      process.kill(-launched.process.pid, "SIGUSR1");
      await launched.says("got");
      process.kill(-launched.process.pid, "SIGTERM");
      expect((await launched.end()).stdout).toBe("up\ngot\n");
    });

    test("dies of SIGTERM without a handler", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch(STAYING);
      await launched.says("up");
      launched.process.kill("SIGTERM");
      expect((await launched.end()).status.at(-2)).toMatch(/^signal 15 /);
    });

    test("has its orphans reaped", async () => {
      using tenant = openTenant(level, programs);
      const orphan = `$(sh -c 'sleep 0 >/dev/null & echo $!')`;
      await using launched = tenant.launch([
        "sh",
        "-c",
        `pid=${orphan}; while [ -e /proc/$pid ]; do sleep 0.01; done; echo reaped`,
      ]);
      expect((await launched.end()).stdout).toBe("reaped\n");
    });

    test("is killed with all its processes on request", async () => {
      using tenant = openTenant(level, programs);
      const mark = markOf();
      await using launched = tenant.launch([
        "sh",
        "-c",
        `trap '' TERM; setsid sleep ${mark} & sleep ${mark} & echo up; while :; do sleep ${mark}; done`,
      ]);
      await launched.says("up");
      process.kill(launched.process.pid, KILL_ALL);
      const { code, status } = await launched.end();
      expect(code).toBe(128 + 9);
      expect(status.at(-2)).toMatch(/^signal 9 /);
      expect(status.at(-1)).toBe("gone");
      expect(survivors(mark)).toEqual([]);
    });

    test("has an empty standard input and no other open descriptor", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch(["sh", "-c", "cat; ls /proc/self/fd | tr '\\n' ' '"]);
      // The fourth is the directory that ls itself reads.
      expect((await launched.end()).stdout).toBe("0 1 2 3 ");
    });

    test("that doesn't exist is reported in the status file", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch(["ten-no-such-program"]);
      const { code, stderr, status } = await launched.end();
      expect(code).toBe(127);
      expect(stderr).toBe("ten-launcher: ten-no-such-program: No such file or directory\n");
      expect(status).toContain("error ten-no-such-program: No such file or directory");
    });

    test("that isn't executable is reported in the status file", async () => {
      using tenant = openTenant(level, programs);
      await using launched = tenant.launch(["/etc/passwd"]);
      const { code, status } = await launched.end();
      expect(code).toBe(126);
      expect(status).toContain("error /etc/passwd: Permission denied");
    });
  });

  describe.each([...WALLED])("at level %s", (level) => {
    test("takes its remaining processes with it when it exits", async () => {
      using tenant = openTenant(level, programs);
      const mark = markOf();
      await using launched = tenant.launch(["sh", "-c", `setsid sleep ${mark} & exit 3`]);
      expect((await launched.end()).code).toBe(3);
      expect(survivors(mark)).toEqual([]);
    });

    test.each(["launcher", "init"])(
      "ends when the %s is killed, and that is told",
      async (name) => {
        using tenant = openTenant(level, programs);
        const mark = markOf();
        await using launched = tenant.launch([
          "sh",
          "-c",
          `setsid sleep ${mark} & echo up; sleep ${mark}`,
        ]);
        await launched.says("up");
        process.kill(Number.parseInt(await launched.fact(name), 10), "SIGKILL");
        await launched.fact("signal");
        await until("nothing is left", () => survivors(mark).length === 0);
      },
    );
  });

  test("at level process may leave processes when it exits", async () => {
    using tenant = openTenant("process", programs);
    const mark = markOf();
    await using launched = tenant.launch(["sh", "-c", `setsid sleep ${mark} & exit 3`]);
    await launched.fact("exit");
    // It may not have executed its program yet when its parent exits.
    await until("it is there", () => survivors(mark).length === 1);
    expect(launched.status()).not.toContain("gone");
    launched.process.kill("SIGTERM");
    const { code, status } = await launched.end();
    expect({ code, last: status.at(-1) }).toEqual({ code: 3, last: "gone" });
    expect(survivors(mark)).toEqual([]);
  });

  test("at level process is killed when its launcher is killed", async () => {
    using tenant = openTenant("process", programs);
    const mark = markOf();
    await using launched = tenant.launch(["sh", "-c", `echo up; exec sleep ${mark}`]);
    await launched.says("up");
    launched.process.kill("SIGKILL");
    await until("nothing is left", () => survivors(mark).length === 0);
  });

  test("takes its remaining processes with it when the launcher is the first process of a sandbox", async () => {
    using tenant = openTenant("process", programs);
    const mark = markOf();
    await using launched = tenant.launch(["sh", "-c", `setsid sleep ${mark} & exit 3`], {
      prefix: ["unshare", "--kill-child", "--pid", "--fork"],
    });
    const { code, status } = await launched.end();
    expect({ code, last: status.at(-1) }).toEqual({ code: 3, last: "gone" });
    expect(survivors(mark)).toEqual([]);
  });

  test("can't forge a line of the status file by a line break in its path", async () => {
    using tenant = openTenant("process", programs);
    await using launched = tenant.launch(["/no\nexit 0 1"]);
    expect((await launched.end()).status).toContain(
      "error /no?exit 0 1: No such file or directory",
    );
  });
});

let marks = 0;

/** A duration for `sleep` that no other process has. */
function markOf(): string {
  return `${process.pid}00.${++marks}`;
}

function survivors(mark: string): readonly string[] {
  const commands = [`sleep ${mark}`, `setsid sleep ${mark}`];
  return readdirSync("/proc").filter(
    (pid) => /^\d+$/.test(pid) && commands.includes(commandOf(Number(pid))),
  );
}

function commandOf(pid: number): string {
  const path = `/proc/${pid}/cmdline`;
  try {
    return existsSync(path) ? readFileSync(path, "utf8").split("\0").join(" ").trim() : "";
  } catch {
    return ""; // it went while we looked
  }
}
