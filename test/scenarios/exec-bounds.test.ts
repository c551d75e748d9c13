// The bounds of ten exec: who may run it, what is recorded, how an instance stays awake, volumes and private networks.
import { describe, expect, test } from "bun:test";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { E2FSPROGS, GCC, isMissing } from "../support/tool.ts";

const isRoot = process.getuid?.() === 0;

async function refused(ten: Ten, ...args: readonly string[]): Promise<string> {
  const { exitCode, stderr } = await ten.ten(...args);
  expect(exitCode).not.toBe(0);
  return stderr;
}

test.skipIf(isMissing(GCC))(
  "only administrators run commands, and the audit trail names the program alone",
  () =>
    withTen({ configText: appConfig() }, async (ten) => {
      await ten.must("spawn", "app:a");
      const token = (await ten.must("token-gen", "--tenant", "a", "--quiet")).trim();
      const server = ["--server", `http://localhost:${ten.port}`];
      const asTenant = await refused(ten, ...server, "--token", token, "exec", "app:a", "id");
      expect(asTenant).toContain("the token of a tenant does not permit it");
      expect(await refused(ten, ...server, "--token", "wrong", "exec", "app:a", "id")).toContain(
        "token",
      );
      await ten.must("exec", "app:a", "echo", "secret");
      const trail = await ten.must("audit");
      expect(trail).toMatch(/socket +exec +app:a echo +started/);
      expect(trail).toMatch(/socket +exec +app:a echo +exit 0/);
      expect(trail).toMatch(/token 1 +exec +app:a +FORBIDDEN/);
      expect(trail).not.toContain("secret");
    }),
);

test.skipIf(isMissing(GCC))(
  "an instance stays awake while a command runs beside it, and a rollout ends the command",
  () =>
    withTen({ configText: appConfig("idle_timeout = 1") }, async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      const command = ten.attach("exec", "app:a", "cat");
      command.stdin.write("on\n");
      await command.stdout.getReader().read();
      await ten.untilState("app:b", "asleep");
      expect((await ten.instance("app:a"))?.state).toBe("running");
      await ten.must("rollout", "app");
      expect(await command.exited).toBeGreaterThan(128);
      await ten.untilState("app:a", "asleep");
    }),
);

test.skipIf(isMissing(GCC))("a replaced server ends its commands", () =>
  withTen({ configText: appConfig() }, async (ten) => {
    await ten.must("spawn", "app:a");
    const command = ten.attach("exec", "app:a", "cat");
    command.stdin.write("on\n");
    await command.stdout.getReader().read();
    await ten.must("restart-server");
    expect(await command.exited).toBeGreaterThan(128);
    expect(await command.stderr.text()).toContain("the server is being replaced");
    await ten.must("exec", "app:a", "true");
  }),
);

describe.skipIf(!isRoot || isMissing(E2FSPROGS) || isMissing(GCC))("a hard quota", () => {
  const keys = 'isolation = "namespace"\nstorage_quota_mb = 16\nstorage_enforce = "hard"';
  const write = ["sh", "-c", "cd $TENEMENT_DATA_DIR && head -c 30000000 /dev/zero >large"];

  test("holds for a command in a sleeping instance, whose volume is mounted for it", () =>
    withTen({ configText: appConfig(keys), parent: "/var/lib" }, async (ten) => {
      await ten.must("spawn", "app:a");
      await ten.must("sleep", "app:a");
      expect(await refused(ten, "exec", "app:a", "--", ...write)).toContain("No space left");
      await ten.must("exec", "app:a", "--", "sh", "-c", "rm $TENEMENT_DATA_DIR/large");
      const open = ten.attach(
        "exec",
        "app:a",
        "--",
        "sh",
        "-c",
        "cd $TENEMENT_DATA_DIR; echo on; cat >kept",
      );
      // One that begins beside the application ends with it.
      await open.stdout.getReader().read();
      open.stdin.write("text\n");
      await ten.must("start", "app:a");
      await ten.must("stop", "app:a");
      await open.stdin.end();
      expect(await open.exited).toBe(0);
      const kept = ["sh", "-c", "cat $TENEMENT_DATA_DIR/kept"];
      expect(await ten.must("exec", "app:a", "--", ...kept)).toBe("text\n");
      await ten.must("rm", "--purge", "app:a");
    }));
});

test.skipIf(isMissing(GCC))("a command in a private network reaches nothing", () =>
  withTen(
    { configText: appConfig('isolation = "namespace"\nnetwork = "private"'), parent: "/var/lib" },
    async (ten) => {
      await ten.must("spawn", "app:a");
      const devices = await ten.must("exec", "app:a", "cat", "/proc/net/dev");
      expect(devices.match(/^ *\w+(?=:)/gm)?.map((name) => name.trim())).toEqual(["lo"]);
    },
  ),
);
