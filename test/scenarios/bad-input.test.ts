import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ten, withTen } from "../support/ten.ts";
import { APP_COMMAND, appConfig } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

const SERVICES = `
[service.good]
command = "${APP_COMMAND}"
[service.missing]
command = "no-such-program"
[service.quits]
command = "sh -c 'echo last words; exit 7'"
[service.deaf]
command = "sleep 1000"
startup_timeout = 0.3
[service.elsewhere]
command = "${APP_COMMAND}"
health = "/exit?code=9"
startup_timeout = 5
`;

async function stillServes(ten: Ten): Promise<void> {
  expect((await ten.get("a.good.localhost", "/")).text).toBe("hello from a");
}

describe("a command", () => {
  const cases = [
    { ref: "missing:a", says: ['"no-such-program" is not found on PATH'] },
    { ref: "quits:a", says: ["exited with code 7", "last words"] },
    { ref: "deaf:a", says: ["not ready within 0.3 s: nothing listens on 127.0.0.1:"] },
    { ref: "elsewhere:a", says: ["exited with code 9"] },
  ];
  for (const { ref, says } of cases) {
    test(`of ${ref} fails with its reason while other instances are served`, () =>
      withTen({ configText: SERVICES }, async (ten) => {
        await ten.must("spawn", "good:a");
        const { exitCode, stderr } = await ten.ten("spawn", ref);
        expect(exitCode).toBe(1);
        for (const text of says) expect(stderr).toContain(text);
        const [service, id] = ref.split(":");
        const answer = await ten.get(`${id}.${service}.localhost`, "/");
        expect(answer.status).toBe(503);
        expect(answer.headers["retry-after"]).toMatch(/^\d+$/);
        expect(answer.text).not.toContain("/");
        await stillServes(ten);
      }));
  }

  test("that always fails is no longer restarted, and an operator may start it again", () =>
    withTen(
      { configText: SERVICES, settings: { backoff_base_ms: 10, max_restarts: 2 } },
      async (ten) => {
        await ten.ten("spawn", "quits:a");
        const failed = await ten.untilState("quits:a", "failed");
        expect(failed.reason).toBe("exited with code 7; gave up after 2 restarts");
        expect((await ten.ten("start", "quits:a")).exitCode).toBe(1);
      },
    ));
});

describe("a port", () => {
  test("that another program listens on isn't given to an instance", () =>
    withTen({ configText: appConfig() }, async (ten) => {
      await ten.must("spawn", "app:a");
      const { port = 0 } = (await ten.instance("app:a")) ?? {};
      const next = Array.from({ length: 20 }, (_, index) => (port ?? 0) + 1 + index);
      const strangers = next.flatMap(occupy);
      try {
        await ten.must("spawn", "app:b");
        expect(next).not.toContain((await ten.instance("app:b"))?.port ?? 0);
      } finally {
        for (const stranger of strangers) stranger.stop(true);
      }
    }));

  test("of the server that is taken is an error that names the port", () =>
    withTen({ configText: appConfig() }, async (ten) => {
      const other = join(ten.root, "other");
      const { exitCode, stderr } = await ten.ten(
        "serve",
        "--port",
        String(ten.port),
        "--data-dir",
        other,
      );
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`127.0.0.1 port ${ten.port}`);
      expect(stderr).toContain("hint: ");
    }));
});

describe("a configuration", () => {
  test("with several mistakes is refused, and the message names all of them", () =>
    withTen({ configText: appConfig() }, async (ten) => {
      const file = join(ten.root, "broken.toml");
      writeFileSync(
        file,
        '[service.a]\ncomand = "x"\nidle_timeout = "5m"\n[instances]\nb = ["c"]\n',
      );
      const { exitCode, stderr } = await ten.ten("serve", "--config", file);
      expect(exitCode).toBe(2);
      expect(stderr).toContain('did you mean "command"');
      expect(stderr).toContain("service.a.idle_timeout");
      expect(stderr).toContain("instances.b");
    }));
});

describe("a request", () => {
  test("to an unknown host is answered 404 and starts nothing", () =>
    withTen({ configText: appConfig() }, async (ten) => {
      await ten.must("spawn", "app:a", "--no-start");
      for (const host of [
        "b.app.localhost",
        "a.other.localhost",
        "x.y.z.localhost",
        "other.localhost",
      ]) {
        expect((await ten.get(host, "/")).status).toBe(404);
      }
      const instances = JSON.parse(await ten.must("ps", "-a", "--json")) as { state: string }[];
      expect(instances.map(({ state }) => state)).toEqual(["asleep"]);
    }));

  test("sent a byte at a time delays no other request", () =>
    withTen({ configText: appConfig() }, async (ten) => {
      await ten.must("spawn", "app:a");
      const slow = Array.from({ length: 50 }, () => connect(ten.port, "127.0.0.1"));
      for (const socket of slow) socket.on("error", () => undefined).write("G");
      expect((await ten.get("a.app.localhost", "/")).status).toBe(200);
      for (const socket of slow) socket.destroy();
    }));

  const ambiguous = {
    "both lengths": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a bad chunk size": "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a bare line feed": "X: y\nZ: w\r\n\r\n",
    "a space before a colon": "X : y\r\n\r\n",
    "two hosts": "Host: b\r\n\r\n",
  };
  for (const [what, rest] of Object.entries(ambiguous)) {
    test(`with ${what} is answered 400, and the connection is closed`, () =>
      withTen({ configText: appConfig() }, async (ten) => {
        await ten.must("spawn", "app:a");
        const answer = await raw(ten.port, `POST / HTTP/1.1\r\nHost: a.app.localhost\r\n${rest}`);
        expect(answer).toStartWith("HTTP/1.1 400 ");
      }));
  }
});

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

describe.skipIf(!isRoot)("a full disk", () => {
  test("refuses changes with a clear error while instances run, until there is space again", async () => {
    const disk = mkdtempSync(join(tmpdir(), "ten-disk-"));
    mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", disk);
    try {
      await fillAndRecover(disk);
    } finally {
      Bun.spawnSync(["umount", "-l", disk]);
      rmSync(disk, { recursive: true });
    }
  });

  function fillAndRecover(disk: string): Promise<void> {
    return withTen({ configText: appConfig(), args: ["--data-dir", disk] }, async (ten) => {
      const here = (...args: string[]) => ten.ten("--data-dir", disk, ...args);
      expect((await here("spawn", "app:a")).exitCode).toBe(0);
      fill(join(disk, "ballast"));
      const refused = await until("a change is refused", async () => {
        const result = await here("env", "set", "app:a", `BIG=${"x".repeat(30_000)}`);
        return result.exitCode !== 0 && result;
      });
      expect(refused.stderr).toMatch(/full|space/);
      expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
      rmSync(join(disk, "ballast"));
      expect((await here("env", "set", "app:a", "SMALL=1")).exitCode).toBe(0);
      expect((await here("spawn", "app:b")).exitCode).toBe(0);
    });
  }
});

/** Listens on a port unless it is taken. */
function occupy(port: number): readonly { stop(force: boolean): void }[] {
  try {
    return [Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } })];
  } catch {
    return [];
  }
}

function mount(...args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["mount", ...args]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** Fills the disk. */
function fill(file: string): void {
  Bun.spawnSync(["dd", "if=/dev/zero", `of=${file}`, "bs=4k"], { stderr: "ignore" });
}

/** Sends bytes; resolves with all bytes received until the connection is closed. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
