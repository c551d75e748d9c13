import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { chmodSync, renameSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import type { RestartAnswer } from "../../src/control/wire/restart.ts";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { executable } from "../support/executable.ts";
import { Load } from "../support/load.ts";
import { openPlace } from "../support/place.ts";
import { fetchReply } from "../support/request.ts";
import { type Ten, type TenOptions, withTen } from "../support/ten.ts";
import { LASTING_COMMAND } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

/** So many requests take long on a busy machine. */
const PATIENCE_MS = 180_000;
const TENANTS = ["a", "b", "c", "d"];
const HOSTS = TENANTS.map((id) => `${id}.app.localhost`);
const [HOST = ""] = HOSTS;

function optionsWith(keys = "", more: TenOptions = {}): TenOptions {
  const configText = `[service.app]\ncommand = "${LASTING_COMMAND}"\n${keys}\n`;
  return { configText, ...more };
}

async function follow(ten: Ten): Promise<RestartAnswer> {
  return JSON.parse(await ten.must("restart-server", "--json"));
}

async function untilEnded(pid: number): Promise<void> {
  await until(`process ${pid} has ended`, () => startTimeOf(pid) === null);
}

async function birthsOf(ten: Ten): Promise<string[]> {
  const answers = await Promise.all(HOSTS.map((host) => ten.get(host, "/birth")));
  return answers.map(({ text }) => text);
}

describe("a server that is replaced", () => {
  test(
    "fails none of 500 requests a second, three times in a row, and exits",
    () =>
      withTen(optionsWith(), async (ten) => {
        await ten.must("spawn", ...TENANTS.map((id) => `app:${id}`));
        const tenants = await birthsOf(ten);
        await using load = new Load({
          port: ten.port,
          hosts: HOSTS,
          perSecond: 500,
          path: "/birth",
        });
        const servers: number[] = [];
        for (let round = 0; round < 3; round++) {
          await load.more(200);
          const { old, new: next } = await follow(ten);
          servers.push(old.pid);
          expect(ten.pid).toBe(next.pid);
        }
        await load.more(200);
        await load.stop();
        expect(load.failures).toEqual([]);
        expect([...load.answers.keys()].sort()).toEqual(tenants.toSorted());
        for (const pid of servers) await untilEnded(pid);
        expect(await birthsOf(ten)).toEqual(tenants);
      }),
    PATIENCE_MS,
  );

  test("keeps a WebSocket open and its instance awake", () =>
    withTen(optionsWith("idle_timeout = 1"), async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      const socket = ten.webSocket(HOST, "/socket");
      socket.send("before");
      expect(await socket.next()).toBe("before");
      const { old } = await follow(ten);
      socket.send("after");
      expect(await socket.next()).toBe("after");
      // The other instance has been idle for as long.
      await ten.untilState("app:b", "asleep");
      expect((await ten.instance("app:a"))?.state).toBe("running");
      await follow(ten);
      socket.send("after the second");
      expect(await socket.next()).toBe("after the second");
      await ten.get(HOSTS[1] ?? "", "/");
      await ten.untilState("app:b", "asleep");
      expect((await ten.instance("app:a"))?.state).toBe("running");
      expect(startTimeOf(old.pid)).not.toBeNull();
      socket.close();
      expect(await socket.closed()).toBe(1000);
      await ten.untilState("app:a", "asleep");
      await untilEnded(old.pid);
    }));

  test("completes a download and an upload that are in progress", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      const download = await ten.open(HOST, "/held");
      const half = Buffer.alloc(1024 * 1024);
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      const upload = request(
        { port: ten.port, host: "127.0.0.1", path: "/measure", method: "POST" },
        (response) => void response.setEncoding("utf8").once("data", resolve),
      );
      upload.setHeader("Host", HOST).setHeader("Content-Length", 2 * half.length);
      upload.on("error", reject).write(half);
      const { old } = await follow(ten);
      upload.end(half);
      expect(await promise).toBe(String(2 * half.length));
      await ten.get(HOST, "/release");
      let text = "";
      for await (const piece of download) text += piece;
      expect(text).toBe("begin\nend\n");
      await untilEnded(old.pid);
    }));

  test("answers requests that wait for a starting instance, and the next server wakes sleeping ones", () =>
    withTen(optionsWith("startup_timeout = 60"), async (ten) => {
      await ten.must("spawn", "--no-start", "app:a", "app:b");
      await ten.must("env", "set", "app:a", "GATED=1");
      const waiting = ten.get(HOST, "/");
      await until("it is on its way", async () => {
        const instance = await ten.instance("app:a");
        return instance?.state === "starting" && instance.pid !== null;
      });
      await follow(ten);
      expect((await ten.get(HOSTS[1] ?? "", "/")).text).toBe("hello from b");
      writeFileSync(join(ten.dataDir, "app/a/gate"), "");
      expect((await waiting).text).toBe("hello from a");
      const born = await ten.must("logs", "app:a", "--search", "born", "--json");
      expect(born.trim().split("\n")).toHaveLength(1);
    }));

  test("doesn't touch processes of the next server while it still has connections", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      const socket = ten.webSocket(HOSTS[1] ?? "", "/socket");
      socket.send("before");
      await socket.next();
      const { old } = await follow(ten);
      for (let round = 0; round < 5; round++) await ten.must("restart", "app:a");
      const { text: birth } = await ten.get(HOST, "/birth");
      await ten.must("restart", "app:b");
      expect(await socket.closed()).not.toBe(1000);
      await untilEnded(old.pid);
      expect((await ten.get(HOST, "/birth")).text).toBe(birth);
      expect((await ten.instance("app:a"))?.restarts).toBe(0);
    }));

  test("neither loses nor duplicates log lines written during the handover", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      await ten.get(HOST, "/chatter");
      for (let round = 0; round < 3; round++) await follow(ten);
      const count = Number((await ten.get(HOST, "/hush")).text);
      const last = `chatter ${count - 1}`;
      const messages = await until("all is stored", async () => {
        const output = await ten.must("logs", "--json", "--limit", "10000", "--search", "chatter");
        const lines = output.trim().split("\n");
        const found = lines.map((line) => (JSON.parse(line) as { message: string }).message);
        return found.at(-1) === last && found;
      });
      // On a busy machine there are more than one command returns.
      const first = count - Math.min(count, 10_000);
      expect(messages).toEqual(
        Array.from({ length: count - first }, (_, index) => `chatter ${first + index}`),
      );
    }));

  test("lets log followers continue where they were", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      await ten.get(HOST, "/chatter");
      using follower = ten.begin("logs", "app:a", "-f", "--search", "chatter", "--json");
      await until("lines come", () => follower.lines.length > 0);
      for (let round = 0; round < 2; round++) await follow(ten);
      const last = `chatter ${Number((await ten.get(HOST, "/hush")).text) - 1}`;
      const messages = () =>
        follower.lines.map((line) => (JSON.parse(line) as { message: string }).message);
      await until("the last line comes", () => messages().at(-1) === last);
      const [first = ""] = messages();
      const begin = Number(first.split(" ")[1]);
      expect(messages()).toEqual(
        Array.from({ length: follower.lines.length }, (_, index) => `chatter ${begin + index}`),
      );
    }));

  test("hands over to a server that can be killed and started again", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      const { text: tenant } = await ten.get(HOST, "/birth");
      const { pid } = (await ten.instance("app:a")) ?? {};
      await follow(ten);
      await ten.kill9();
      await ten.start();
      expect((await ten.get(HOST, "/birth")).text).toBe(tenant);
      await ten.must("stop", "app:a");
      expect(startTimeOf(pid ?? 0)).toBeNull();
    }));

  test("hands over restart counts and the cause of the last wake", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      const { pid = 0 } = { ...(await ten.instance("app:a")) };
      process.kill(Number(pid), "SIGKILL");
      await until("it runs again", async () => {
        const instance = await ten.instance("app:a");
        return instance?.state === "running" && instance.pid !== pid;
      });
      await follow(ten);
      expect((await ten.instance("app:a"))?.restarts).toBe(1);
      const why = await ten.must("why", "app:a");
      expect(why).toContain("a restart after a crash");
      expect(why).toContain("SIGKILL");
    }));
});

describe("an earlier server that still has connections", () => {
  test("keeps them open at the first signal and closes them at the second", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      const socket = ten.webSocket(HOST, "/socket");
      socket.send("before");
      await socket.next();
      const { old } = await follow(ten);
      process.kill(old.pid, "SIGTERM");
      await until("it has heard", () => ten.output.includes("Stopping: "));
      socket.send("after");
      expect(await socket.next()).toBe("after");
      process.kill(old.pid, "SIGTERM");
      await untilEnded(old.pid);
      expect(await socket.closed()).toBe(1006);
      expect((await ten.get(HOST, "/")).text).toBe("hello from a");
    }));

  test("forwards its last requests to the present server, also after that was restarted", () =>
    withTen(optionsWith("idle_timeout = 1"), async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      const kept = new Agent({ keepAlive: true, maxSockets: 1 });
      const ask = (host: string) =>
        fetchReply({ port: ten.port, host, path: "/birth" }, { agent: kept });
      const { text: birth } = await ask(HOST);
      const socket = ten.webSocket(HOSTS[1] ?? "", "/socket");
      socket.send("before");
      await socket.next();
      const { old, new: next } = await follow(ten);
      process.kill(next.pid, "SIGKILL");
      await untilEnded(next.pid);
      await ten.start({ port: ten.port });
      await ten.untilState("app:a", "asleep");
      const last = await ask(HOST);
      expect(last.headers.connection).toBe("close");
      expect(last.text).not.toBe(birth);
      socket.send("after");
      expect(await socket.next()).toBe("after");
      expect((await ten.instance("app:b"))?.state).toBe("running");
      socket.close();
      await untilEnded(old.pid);
      kept.destroy();
    }));
});

test("a next server doesn't serve when the previous one exits without a message", async () => {
  const place = openPlace({ configText: "" });
  const introduction = JSON.stringify({ descriptors: 0, dataDir: place.dataDir });
  const ready = Promise.withResolvers<void>();
  const next = Bun.spawn([await executable(), "serve", "--port", "0"], {
    env: {
      TENEMENT_CONFIG: place.configFile,
      TENEMENT_DATA_DIR: place.dataDir,
      TENEMENT_PREVIOUS_SERVER: introduction,
    },
    stdio: ["ignore", "ignore", "pipe"],
    serialization: "json",
    ipc: (message) => message.kind === "ready" && ready.resolve(),
  });
  await ready.promise;
  next.disconnect();
  expect(await next.exited).toBe(1);
  expect(await next.stderr.text()).toContain("the server before this one is gone");
  place.remove();
});

describe("a server that can't be replaced", () => {
  async function expectUnmoved(ten: Ten, pid: number): Promise<void> {
    expect(ten.pid).toBe(pid);
    expect(startTimeOf(pid)).not.toBeNull();
    expect((await ten.get(HOST, "/")).text).toBe("hello from a");
  }

  /** Replaces the executable by a rename, as installers do. */
  function install(ten: Ten, script: string): void {
    writeFileSync(`${ten.installed}.new`, script);
    chmodSync(`${ten.installed}.new`, 0o755);
    renameSync(`${ten.installed}.new`, ten.installed);
  }

  test("because of an invalid configuration goes on serving", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      const { pid } = ten;
      ten.reconfigure((text) => text.replace("[service.app]", "[service.app]\nidle_timeut = 3"));
      const { exitCode, stderr } = await ten.ten("restart-server");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("error: Cannot start the new server: ");
      expect(stderr).toContain("idle_timeut");
      await expectUnmoved(ten, pid);
    }));

  test("because the executable fails to start goes on serving, and is replaced by a working one later", () =>
    withTen(optionsWith("", { isCopied: true }), async (ten) => {
      await ten.must("spawn", "app:a");
      const { pid } = ten;
      install(ten, "#!/bin/sh\nexit 7\n");
      const { exitCode, stderr } = await ten.ten("restart-server");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("error: Cannot start the new server: it ended with 7");
      await expectUnmoved(ten, pid);
      install(ten, "no program at all");
      expect((await ten.ten("restart-server")).exitCode).toBe(1);
      await expectUnmoved(ten, pid);
      const { binary } = ten;
      install(ten, `#!/bin/sh\nexec "${binary}" "$@"\n`);
      expect((await follow(ten)).old.pid).toBe(pid);
      await expectUnmoved(ten, ten.pid);
    }));

  test("while the database is locked is replaced once it is unlocked", () =>
    withTen(optionsWith(), async (ten) => {
      await ten.must("spawn", "app:a");
      const { pid } = ten;
      const database = new Database(`${ten.dataDir}/tenement.db`);
      database.run("BEGIN IMMEDIATE");
      const { exitCode, stderr } = await ten.ten("restart-server");
      expect(exitCode).toBe(1);
      expect(stderr).toContain('error: Cannot record "restart-server"');
      database.run("ROLLBACK");
      database.close();
      await expectUnmoved(ten, pid);
      await follow(ten);
      await expectUnmoved(ten, ten.pid);
    }));

  test("because the next one fails after the handover takes everything back", () =>
    withTen(optionsWith("idle_timeout = 1", { isCopied: true }), async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      const { pid } = ten;
      const { text: tenant } = await ten.get(HOST, "/birth");
      const socket = ten.webSocket(HOST, "/socket");
      socket.send("before");
      await socket.next();
      install(
        ten,
        `#!${process.execPath}
const say = (message) => channel.write(JSON.stringify(message) + "\\n");
const channel = await Bun.connect({ fd: 3, socket: { data: () => process.exit(3) } });
say({ kind: "started", pid: process.pid });
say({ kind: "ready" });
`,
      );
      await using load = new Load({
        port: ten.port,
        hosts: [HOST],
        perSecond: 100,
        path: "/birth",
      });
      await load.more(20);
      const { exitCode, stderr } = await ten.ten("restart-server");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("error: Cannot start the new server: it ended with 3");
      await load.more(20);
      await load.stop();
      expect(load.failures).toEqual([]);
      expect([...load.answers.keys()]).toEqual([tenant]);
      await ten.untilState("app:b", "asleep");
      socket.send("after");
      expect(await socket.next()).toBe("after");
      await expectUnmoved(ten, pid);
    }));
});
