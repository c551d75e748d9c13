// ten exec and ten shell with a real Python tenant: the same surroundings, streams, exit codes, signals and ends.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { type Ten, type TenOptions, withTen } from "../support/ten.ts";
import { isMissing, PYTHON } from "../support/tool.ts";
import { until } from "../support/until.ts";

const ORDINARY_USER = 61_193;
const PYTHON3 = "/usr/bin/python3";

function configWith(keys: string): string {
  return `[service.site]
command = "${PYTHON3} -m http.server {port} --bind 127.0.0.1"
workdir = "{data_dir}/{name}/{id}"
env = { COLOUR = "blue" }
idle_timeout = 600
${keys}
`;
}

const KINDS: readonly (readonly [string, TenOptions])[] = [
  ["at level process", { configText: configWith('isolation = "process"') }],
  ["behind walls", { configText: configWith('isolation = "namespace"'), parent: "/var/lib" }],
  [
    "behind walls of an ordinary user",
    {
      configText: configWith('isolation = "namespace"\nread_paths = []'),
      parent: "/var/lib",
      user: ORDINARY_USER,
    },
  ],
];

/** Processes of the server's tenants and commands with a text in their command line. */
function processesWith(text: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return line.includes(text) ? [`${pid} ${line}`] : [];
      } catch {
        return [];
      }
    });
}

async function untilNoneWith(text: string): Promise<void> {
  await until(`no process has ${text}`, () => processesWith(text).length === 0);
}

async function spawn(ten: Ten): Promise<void> {
  await ten.must("spawn", "site:a");
}

const isRoot = process.getuid?.() === 0;
const kinds = isRoot ? KINDS : KINDS.slice(0, 2);

describe.skipIf(isMissing(PYTHON))("a command in an instance", () => {
  test.each(kinds)("%s has the surroundings of the application, awake and asleep", (_, options) =>
    withTen(options, async (ten) => {
      await spawn(ten);
      await ten.must("env", "set", "site:a", "SIZE=10");
      const look =
        'echo "$(id -u) $COLOUR $SIZE $PWD $TENEMENT_INSTANCE"; echo $PORT >port; echo bad >&2; exit 3';
      const { port } = (await ten.instance("site:a")) ?? {};
      const awake = await ten.ten("exec", "site:a", "--", "sh", "-c", look);
      expect(awake).toMatchObject({ exitCode: 3, stderr: "bad\n" });
      expect(awake.stdout).toEndWith(` blue 10 ${ten.dataDir}/site/a a\n`);
      expect((await ten.get("a.site.localhost", "/port")).text).toBe(`${port}\n`);
      await ten.must("sleep", "site:a");
      const asleep = await ten.ten("exec", "site:a", "sh", "-c", look);
      expect(asleep).toEqual(awake);
      expect((await ten.instance("site:a"))?.state).toBe("asleep");
      expect((await ten.get("a.site.localhost", "/port")).text).not.toBe(`${port}\n`);
    }),
  );

  test.each(kinds)("%s passes a session through pipes, and the codes of signals", (_, options) =>
    withTen(options, async (ten) => {
      await spawn(ten);
      const program =
        "import sqlite3,sys; d=sqlite3.connect('app.db'); [print(*d.execute(l).fetchall()) for l in sys.stdin]";
      const session = ten.attach("exec", "site:a", PYTHON3, "-c", program);
      session.stdin.write("create table t(x)\ninsert into t values (20), (22)\n");
      session.stdin.write("select sum(x) from t\n");
      await session.stdin.end();
      expect(await session.stdout.text()).toBe("\n\n(42,)\n");
      expect(await session.exited).toBe(0);
      const bytes = 5_000_000;
      const copy = ten.attach("exec", "site:a", "cat");
      copy.stdin.write(new Uint8Array(bytes).fill(65));
      copy.stdin.end();
      expect((await copy.stdout.bytes()).length).toBe(bytes);
      expect((await ten.ten("exec", "site:a", "--", "sh", "-c", "kill -9 $$")).exitCode).toBe(137);
      expect(await ten.ten("exec", "site:a", "nosuch")).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('Cannot run "nosuch" in "site:a": it is not found on PATH'),
      });
    }),
  );

  test.each(kinds)("%s has a terminal of the client's size, with Ctrl-C", (_, options) =>
    withTen(options, async (ten) => {
      await spawn(ten);
      const session = ten.onTerminal({ cols: 91, rows: 33 }, "shell", "site:a");
      await session.untilPrinted(/[$#] /);
      session.terminal.write("stty size; echo $TERM; test -t 2 && echo tty-$((6*7))\r");
      await session.untilPrinted(/33 91/);
      await session.untilPrinted(/tty-42/);
      session.terminal.write("sleep 1000\r");
      await until("the command runs", () => processesWith("sleep 1000").length > 0);
      session.terminal.write("\x03");
      await untilNoneWith("sleep 1000");
      session.terminal.write("echo code-$?\r");
      await session.untilPrinted(/code-130/);
      session.resize({ cols: 50, rows: 20 });
      await until("the size has arrived", async () => {
        session.terminal.write("stty size\r");
        return session.output.includes("20 50");
      });
      session.terminal.write("exit 9\r");
      expect(await session.child?.exited).toBe(9);
    }),
  );

  test.each(kinds)(
    "%s ends with its client, with the server and with the application",
    (_, options) =>
      withTen(options, async (ten) => {
        await spawn(ten);
        const stubborn = (mark: string) =>
          ten.attach(
            "exec",
            "site:a",
            "--",
            "sh",
            "-c",
            `trap "" HUP TERM INT; setsid sleep ${mark} & echo on; sleep ${mark}`,
          );
        const first = stubborn("1001.1");
        await first.stdout.getReader().read();
        first.kill("SIGKILL");
        await untilNoneWith("sleep 1001.1");
        const second = stubborn("1001.2");
        await second.stdout.getReader().read();
        await ten.must("stop", "site:a");
        expect(await second.exited).toBeGreaterThan(128);
        expect(await second.stderr.text()).toContain("the application beside it was stopped");
        await untilNoneWith("sleep 1001.2");
        const third = stubborn("1001.3");
        await third.stdout.getReader().read();
        await ten.kill9();
        await untilNoneWith("sleep 1001.3");
        expect(await third.exited).toBe(4);
      }),
  );
});
