// The streams of an attached application, as pipes and as a terminal, and its end.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { until } from "../support/until.ts";
import { KILL_ALL } from "./launch.ts";
import { LEVELS, openTenant } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

setDefaultTimeout(120_000);

describe.skipIf(isUnable())("an attached application", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  describe.each([...LEVELS])("at level %s", (level) => {
    test("has pipes that can be opened by name, and an end of its input", async () => {
      using tenant = openTenant(level, programs);
      const script = "cat >/dev/stdout; echo bad >/dev/stderr; exit 7";
      await using launched = tenant.launch(["sh", "-c", script], { options: ["--attached"] });
      launched.process.stdin.write("typed\n");
      await launched.process.stdin.end();
      const { code, stderr, stdout } = await launched.end();
      expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: "typed\n", stderr: "bad\n" });
    });

    test("has a terminal that controls it, and that can be resized", async () => {
      using tenant = openTenant(level, programs);
      const script = "stty -echo; stty size; read line; stty size; echo $line; sleep 1000";
      const options = ["--terminal", "33x101"];
      await using launched = tenant.launch(["sh", "-c", script], { options });
      await launched.says("33 101\r");
      launched.process.stdin.write(Buffer.from("s\0\x04\0\x14\0\x32"));
      launched.process.stdin.write(Buffer.from("d\0\x06typed\r"));
      await launched.says("20 50\r");
      await launched.says("typed\r");
      launched.process.stdin.write(Buffer.from("d\0\x01\x03"));
      expect((await launched.end()).code).toBe(128 + 2);
    });

    test("takes all that it has started with it", async () => {
      using tenant = openTenant(level, programs);
      const script = "setsid sleep 100000 & echo on";
      await using launched = tenant.launch(["sh", "-c", script], { options: ["--attached"] });
      const { code, stdout, status } = await launched.end();
      expect({ code, stdout }).toEqual({ code: 0, stdout: "on\n" });
      expect(status.at(-1)).toBe("gone");
    });

    test("is killed with its relay, and on the order to kill", async () => {
      using tenant = openTenant(level, programs);
      for (const signal of ["SIGKILL", KILL_ALL] as const) {
        const script = 'trap "" HUP TERM; echo up; sleep 100000; sleep 100000';
        await using launched = tenant.launch(["sh", "-c", script], { options: ["--attached"] });
        await launched.says("up");
        const app = await launched.fact("app");
        process.kill(launched.process.pid, signal);
        await until("the application is gone", () => !existsSync(`/proc/${app}`));
      }
    });
  });
});
