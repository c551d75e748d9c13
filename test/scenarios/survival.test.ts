import { describe, expect, test } from "bun:test";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

const TENANTS = ["a", "b", "c", "d"];
const HOSTS = TENANTS.map((id) => `${id}.app.localhost`);
const configText = appConfig();

/** About 200 requests a second, each of which logs a line of its own; counts those that were answered. */
class Load {
  readonly answered = new Set<string>();
  readonly #ten: Ten;
  readonly #sent: Promise<void>[] = [];
  readonly #timer: Timer;

  constructor(ten: Ten) {
    this.#ten = ten;
    this.#timer = setInterval(() => this.#sent.push(this.#send()), 5);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sent);
  }

  async #send(): Promise<void> {
    const line = `line-${this.#sent.length}`;
    const host = HOSTS[this.#sent.length % HOSTS.length] ?? "";
    try {
      const { status } = await this.#ten.get(host, `/log?line=${line}`);
      if (status === 200) this.answered.add(line);
    } catch {
      // The server was away.
    }
  }
}

/** As the host numbers them. */
async function pidsOf(ten: Ten): Promise<(number | null)[]> {
  const instances = await Promise.all(TENANTS.map((id) => ten.instance(`app:${id}`)));
  return instances.map((instance) => instance?.pid ?? null);
}

async function pidOf(ten: Ten): Promise<number> {
  const [pid] = await pidsOf(ten);
  if (pid === undefined || pid === null) throw new Error("app:a does not run");
  return pid;
}

async function loggedLines(ten: Ten): Promise<string[]> {
  const output = await ten.must("logs", "--json", "--limit", "10000", "--search", "line");
  const lines = output.trim().split("\n");
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}

describe("a server killed outright", () => {
  test("under load leaves its tenants running, and no line of theirs is lost or doubled", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", ...TENANTS.map((id) => `app:${id}`));
      const pids = await pidsOf(ten);
      const load = new Load(ten);
      for (let round = 1; round <= 3; round++) {
        await until("some requests are answered", () => load.answered.size >= round * 100);
        await ten.kill9();
        await ten.start();
      }
      await until("requests are answered again", () => load.answered.size >= 400);
      await load.stop();
      expect(await pidsOf(ten)).toEqual(pids);
      const logged = await loggedLines(ten);
      expect(new Set(logged).size).toBe(logged.length);
      expect([...load.answered].filter((line) => !logged.includes(line))).toEqual([]);
    }));

  test("goes on supervising what it takes over", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const pid = await pidOf(ten);
      await ten.kill9();
      await ten.start();
      expect((await ten.instance("app:a"))?.pid).toBe(pid);
      // With a body, which is sent once: a request that was tried again would end the next process too.
      const exit = { method: "POST", body: "now" };
      await ten.get("a.app.localhost", "/exit?code=1", exit).catch(() => null);
      const restarted = await until("it runs again", async () => {
        const instance = await ten.instance("app:a");
        return instance?.state === "running" && instance.pid !== pid && instance;
      });
      expect(restarted.restarts).toBe(1);
      await ten.must("stop", "app:a");
      expect(startTimeOf(restarted.pid ?? 0)).toBeNull();
    }));

  test("whose tenant died meanwhile wakes it on the next request", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const pid = await pidOf(ten);
      await ten.kill9();
      process.kill(pid, "SIGKILL");
      await until("the tenant is gone", () => startTimeOf(pid) === null);
      await ten.start();
      expect((await ten.instance("app:a"))?.state).toBe("asleep");
      expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
    }));

  test("leaves no tenant that the next server does not know", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const pid = await pidOf(ten);
      await ten.kill9();
      const { Database } = await import("bun:sqlite");
      const database = new Database(`${ten.dataDir}/tenement.db`);
      database.run("DELETE FROM instances");
      database.close();
      await ten.start();
      expect(startTimeOf(pid)).toBeNull();
    }));
});

describe("a server that stops", () => {
  test("stops its tenants gracefully and lets an open request end", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const { pid } = (await ten.instance("app:a")) ?? {};
      await ten.get("a.app.localhost", "/write", { method: "POST", body: "kept" });
      expect(await ten.stop()).toBe(0);
      expect(startTimeOf(pid ?? 0)).toBeNull();
      await ten.start();
      expect((await ten.get("a.app.localhost", "/journal")).text).toBe("kept\nstopped\n");
    }));

  test("starts again what never sleeps, and leaves the rest asleep until somebody calls", () =>
    withTen({ configText: appConfig("idle_timeout = 0") }, async (ten) => {
      await ten.must("spawn", "app:a");
      await ten.must("spawn", "app:b");
      await ten.must("stop", "app:b");
      await ten.restart();
      await ten.untilState("app:a", "running");
      expect((await ten.instance("app:b"))?.state).toBe("stopped");
    }));

  test("a second server on the same directory is refused and names the first", () =>
    withTen({ configText }, async (ten) => {
      const { exitCode, stderr } = await ten.ten("serve", "--port", "0");
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`pid ${ten.pid}`);
      expect((await ten.get("127.0.0.1", "/health")).json<object>()).toEqual({ status: "ok" });
    }));

  test("a second signal does not wait for open requests", () =>
    withTen({ configText: appConfig("stop_timeout = 600") }, async (ten) => {
      await ten.must("spawn", "app:a");
      const open = await ten.open("a.app.localhost", "/silence");
      open.on("error", () => undefined).resume();
      process.kill(ten.pid, "SIGTERM");
      await until("it drains", () => ten.output.includes("Stopping"));
      expect(await ten.stop()).toBe(0);
    }));
});
