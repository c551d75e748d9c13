import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { isWalledUser } from "../../src/core/user-id-ranges.ts";
import { findHierarchies } from "../../src/isolation/cgroup/hierarchies.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { HUNGRY_COMMAND, WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing, RUNSC } from "../support/tool.ts";
import { until } from "../support/until.ts";
import { shownIn } from "../support/walls.ts";

setDefaultTimeout(120_000);

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const isUnable = !isRoot || isMissing(GCC) || isMissing(RUNSC);

const SANDBOX = `isolation = "sandbox"\nread_paths = ["${ROOT}"]\nstop_timeout = 5\n`;
const configText = `
[service.port]
command = "${WALLED_COMMAND}"
${SANDBOX}
[service.socket]
command = "${WALLED_COMMAND}"
${SANDBOX}
env = { SOCKET = "1" }
[service.host]
command = "${WALLED_COMMAND}"
network = "host"
${SANDBOX}
`;

/** A user without an account and without an instance. */
const ORDINARY_USER = 61_190;
/** A Python that answers with the file whose path is asked for. */
const READER = `
import http.server, os
class Reader(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            body = open(self.path, "rb").read()
        except OSError as error:
            body = error.strerror.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Reader).serve_forever()
`;
const ALICE = "alice.port.localhost";
const BOB = "bob.socket.localhost";

async function look(ten: Ten, host: string, path: string): Promise<string> {
  return (await ten.get(host, `/look?path=${encodeURIComponent(path)}`)).text;
}

async function reach(ten: Ten, host: string, port: number | null | undefined): Promise<string> {
  return (await ten.get(host, `/reach?port=${port}`)).text;
}

/** Command lines of gVisor's processes for a server. */
function sandboxesOf(ten: Ten): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return /runsc/.test(command) && command.includes(ten.dataDir) ? [command] : [];
    } catch {
      return [];
    }
  });
}

function expectNothingLeft(ten: Ten): void {
  expect(sandboxesOf(ten)).toEqual([]);
  expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(ten.dataDir);
}

describe.skipIf(isUnable)("tenants in sandboxes", () => {
  test("serve over a port and over a socket, each with its own kernel and network", () =>
    withTen({ configText }, async (ten) => {
      await using host = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
      await ten.must("spawn", "port:alice", "socket:bob");
      expect((await ten.get(ALICE, "/")).text).toBe("hello from alice");
      expect((await ten.get(BOB, "/")).text).toBe("hello from bob");
      const release = "/proc/sys/kernel/osrelease";
      expect(await look(ten, ALICE, release)).not.toBe(readFileSync(release, "utf8"));
      const facts = JSON.parse((await ten.get(ALICE, "/facts")).text);
      expect(facts.hostname).toBe("alice");
      expect(isWalledUser(facts.uid)).toBe(true);
      expect(facts.processes).toBeLessThan(10);
      expect(await reach(ten, ALICE, (await ten.instance("port:alice"))?.port)).toBe("connected");
      expect(await reach(ten, ALICE, host.port)).toBe("refused");
      expect(await reach(ten, BOB, host.port)).toBe("refused");
    }));

  test("have the host's network on request", () =>
    withTen({ configText }, async (ten) => {
      await using host = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
      await ten.must("spawn", "host:carol");
      expect((await ten.get("carol.host.localhost", "/")).text).toBe("hello from carol");
      expect(await reach(ten, "carol.host.localhost", host.port)).toBe("connected");
      const carol = await ten.instance("host:carol");
      expect(carol?.socket).toBe(`127.0.0.1:${carol?.port}`);
    }));

  test("can't read files of each other or the server, and keep their own across a sleep", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice", "socket:bob");
      await ten.get(ALICE, "/write?text=alices");
      await ten.get(BOB, "/write?text=bobs");
      const { dataDir } = ten;
      expect(await look(ten, ALICE, `${dataDir}/port/alice/journal`)).toBe("alices");
      expect(await look(ten, ALICE, `${dataDir}/socket/bob/journal`)).toBe("ENOENT");
      expect(await look(ten, ALICE, `${dataDir}/tenement.db`)).toBe("ENOENT");
      expect(await look(ten, ALICE, dataDir)).toBe("port");
      expect(await look(ten, ALICE, "/root")).toBe(shownIn("/root"));
      expect(isWalledUser(statSync(`${dataDir}/port/alice/journal`).uid)).toBe(true);
      await ten.must("sleep", "port:alice");
      expect(await look(ten, ALICE, `${dataDir}/port/alice/journal`)).toBe("alices");
    }));

  test("can listen on their socket wherever it is configured, also when an old socket is there", () =>
    withTen({ configText }, async (ten) => {
      for (const socket of ["/tmp/{id}.sock", "{data_dir}/{name}/{id}/own.sock"]) {
        await ten.stop();
        ten.reconfigure((text) => text.replaceAll(/^socket = .*$/gm, `socket = "${socket}"`));
        await ten.start();
        for (let round = 0; round < 2; round++) {
          await ten.must("spawn", "socket:bob");
          expect((await ten.get(BOB, "/")).text).toBe("hello from bob");
          await ten.must("stop", "socket:bob");
        }
      }
    }));

  test("receive the stop signal and leave no process", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice");
      expect(sandboxesOf(ten)).not.toEqual([]);
      await ten.must("stop", "port:alice");
      expect(await ten.must("why", "port:alice")).toContain("exited with code 3");
      await until("its last words", async () =>
        (await ten.must("logs", "port:alice")).includes("asked to end"),
      );
      expectNothingLeft(ten);
      expect(readdirSync(`${ten.dataDir}/.walls/port`)).toEqual([]);
    }));

  test("that ignore the stop signal are killed with all they started", () =>
    withTen({ configText, service: { stop_timeout: 1 } }, async (ten) => {
      await ten.must("spawn", "port:alice");
      await ten.get(ALICE, "/daemon");
      await ten.get(ALICE, "/stay");
      await ten.must("stop", "port:alice");
      expect(await ten.must("why", "port:alice")).toContain("was terminated by SIGKILL");
      expectNothingLeft(ten);
    }));

  test("report their exit", () =>
    withTen({ configText, service: { restart: "never" } }, async (ten) => {
      await ten.must("spawn", "port:alice");
      await ten.get(ALICE, "/exit?code=7").catch(() => null);
      await ten.untilState("port:alice", "asleep");
      expect(await ten.must("why", "port:alice")).toContain("exited with code 7");
    }));

  test("outlive a killed server, and receive the stop signal of the next one", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "port:alice", "socket:bob");
      const before = [await ten.instance("port:alice"), await ten.instance("socket:bob")];
      await ten.kill9();
      await ten.start();
      const after = [await ten.instance("port:alice"), await ten.instance("socket:bob")];
      expect(after.map((each) => each?.pid)).toEqual(before.map((each) => each?.pid));
      expect((await ten.get(BOB, "/")).text).toBe("hello from bob");
      expect((await ten.get(ALICE, "/")).text).toBe("hello from alice");
      await ten.must("stop", "port:alice");
      expect(await ten.must("why", "port:alice")).toContain("exited with code 3");
    }));

  test("exit when their sandbox is killed from outside", () =>
    withTen({ configText, service: { restart: "never" } }, async (ten) => {
      await ten.must("spawn", "port:alice");
      const alice = await ten.instance("port:alice");
      process.kill(alice?.pid ?? 0, "SIGKILL");
      await ten.untilState("port:alice", "asleep");
      expectNothingLeft(ten);
    }));

  test("are refused a socket path that they could redirect", () => {
    const socket = "{data_dir}/{name}/{id}/deep/s";
    return withTen({ configText, service: { socket } }, async (ten) => {
      const { exitCode, stderr } = await ten.ten("spawn", "port:alice");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("deep in a directory that it may write");
    });
  });

  test("of an unprivileged server are root only inside their sandbox", () => {
    const service = `
[service.files]
command = "/usr/bin/python3"
args = ["-c", ${JSON.stringify(READER)}]
isolation = "sandbox"
read_paths = []
`;
    const options = { configText: service, user: ORDINARY_USER, parent: "/var/lib" };
    return withTen(options, async (ten) => {
      await ten.must("spawn", "files:a");
      const read = async (path: string) => (await ten.get("a.files.localhost", path)).text;
      expect(await read("/proc/self/status")).toMatch(/^Uid:\t0\t/m);
      expect(await read("/proc/self/status")).toMatch(/^CapEff:\t0+$/m);
      expect(await read("/etc/hostname")).not.toBe("Permission denied");
      expect(await read("/etc/shadow")).toBe("Permission denied");
      expect(await read(`${ten.dataDir}/tenement.db`)).toBe("No such file or directory");
      await ten.must("stop", "files:a");
      expectNothingLeft(ten);
    });
  });

  const hierarchies = isRoot ? findHierarchies().found : [];
  test.skipIf(!hierarchies.some(({ controllers }) => controllers.includes("memory")))(
    "are killed at their memory limit, and the reason is reported",
    () => {
      const service = `[service.app]\ncommand = "${HUNGRY_COMMAND}"\nmemory_limit_mb = 300\n${SANDBOX}`;
      return withTen({ configText: service, settings: { max_restarts: 0 } }, async (ten) => {
        await ten.must("spawn", "app:a");
        await ten.get("a.app.localhost", "/eat?amount=1000").catch(() => null);
        const { reason } = await ten.untilState("app:a", "failed");
        expect(reason).toStartWith("was killed: out of memory (limit 300 MB)");
        expectNothingLeft(ten);
      });
    },
  );
});
