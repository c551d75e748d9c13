import { describe, expect, test } from "bun:test";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

const TENANTS = ["a", "b", "c", "d"];
const HOSTS = TENANTS.map((id) => `${id}.app.localhost`);
const configText = appConfig();

/** Fewer than the lines that one command returns. */
const ANSWERS_MAX = 5000;

/** About 200 requests a second, each with its own log line; keeps the lines of answered ones. */
class Load {
  readonly answered = new Set<string>();
  readonly #ten: Ten;
  readonly #sent: Promise<void>[] = [];
  readonly #timer: Timer;

  constructor(ten: Ten) {
    this.#ten = ten;
    this.#timer = setInterval(() => {
      if (this.answered.size < ANSWERS_MAX) this.#sent.push(this.#send());
    }, 5);
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
      // The server was down.
    }
  }
}

/** Host pids. */
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

describe("a killed server", () => {
  test("under load leaves its tenants running, and none of their log lines is lost or duplicated", () =>
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

  test("is followed by one that supervises the adopted processes", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const pid = await pidOf(ten);
      await ten.kill9();
      await ten.start();
      expect((await ten.instance("app:a"))?.pid).toBe(pid);
      // A request with a body is never retried; a retry would end the next process too.
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

  test("is followed by one that wakes a tenant that died meanwhile", () =>
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

  test("is followed by one that kills processes it doesn't know", () =>
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
  test("stops its tenants gracefully", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const { pid } = (await ten.instance("app:a")) ?? {};
      await ten.get("a.app.localhost", "/write", { method: "POST", body: "kept" });
      expect(await ten.stop()).toBe(0);
      expect(startTimeOf(pid ?? 0)).toBeNull();
      await ten.start();
      expect((await ten.get("a.app.localhost", "/journal")).text).toBe("kept\nstopped\n");
    }));

  test("is followed by one that starts instances that never sleep, and no stopped ones", () =>
    withTen({ configText: appConfig("idle_timeout = 0") }, async (ten) => {
      await ten.must("spawn", "app:a");
      await ten.must("spawn", "app:b");
      await ten.must("stop", "app:b");
      await ten.restart();
      await ten.untilState("app:a", "running");
      expect((await ten.instance("app:b"))?.state).toBe("stopped");
    }));

  test("refuses a second server on the same directory, and names its pid", () =>
    withTen({ configText }, async (ten) => {
      const { exitCode, stderr } = await ten.ten("serve", "--port", "0");
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`pid ${ten.pid}`);
      expect((await ten.get("127.0.0.1", "/health")).json<object>()).toEqual({ status: "ok" });
    }));

  test("doesn't wait for open requests after a second signal", () =>
    withTen({ configText: appConfig("stop_timeout = 600") }, async (ten) => {
      await ten.must("spawn", "app:a");
      const open = await ten.open("a.app.localhost", "/silence");
      open.on("error", () => undefined).resume();
      process.kill(ten.pid, "SIGTERM");
      await until("it drains", () => ten.output.includes("Stopping"));
      expect(await ten.stop()).toBe(0);
    }));
});
