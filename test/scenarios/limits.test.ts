// Limits by this machine's control groups, and the launcher's part for tenants without walls.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { findHierarchies } from "../../src/isolation/cgroup/hierarchies.ts";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { HUNGRY_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

/** No one else's. */
const ORDINARY_USER = 61_217;

const TASKSET = { program: "taskset", debianPackage: "util-linux" };

function isUnlimited(): boolean {
  if (process.platform !== "linux" || isMissing(GCC) || isMissing(TASKSET)) return true;
  const controllers = findHierarchies().found.flatMap((hierarchy) => hierarchy.controllers);
  const lacking = (["memory", "cpu", "pids"] as const).filter(
    (name) => !controllers.includes(name),
  );
  if (lacking.length === 0) return false;
  const message = `no control groups for ${lacking.join(", ")}`;
  if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw new Error(message);
  console.warn(`skipped tests: ${message}`);
  return true;
}

function hungry(keys: string, isolation = "process"): string {
  return `[service.app]
command = "${HUNGRY_COMMAND}"
isolation = "${isolation}"
read_paths = ["${ROOT}"]
${keys}
`;
}

const A = "a.app.localhost";
const B = "b.app.localhost";

async function reasonOf(ten: Ten): Promise<string> {
  return JSON.parse(await ten.must("why", "app:a", "--json")).last_exit?.reason ?? "";
}

/** A file of the CPU controller for the group of a process; null: this version of control groups has no such file. */
function readCpuFile(pid: number, name: string): string | null {
  const hierarchy = findHierarchies().found.find(({ controllers }) => controllers.includes("cpu"));
  const line = hierarchy?.version === 2 ? /^0::(.*)$/m : /^\d+:(?:[^:]+,)?cpu(?:,[^:]+)?:(.*)$/m;
  const [, group] = line.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? [];
  const path = `${hierarchy?.parent}${group}/${name}`;
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

function weightOf(pid: number): number {
  return Number(readCpuFile(pid, "cpu.weight") ?? readCpuFile(pid, "cpu.shares"));
}

/** The CPU limit of the group of a process, in processors. */
function partOf(pid: number): number {
  const [quota, period] = readCpuFile(pid, "cpu.max")?.split(" ") ?? [
    readCpuFile(pid, "cpu.cfs_quota_us"),
    readCpuFile(pid, "cpu.cfs_period_us"),
  ];
  return Number(quota) / Number(period);
}

function timesThrottled(pid: number): number {
  return Number(/^nr_throttled (\d+)$/m.exec(readCpuFile(pid, "cpu.stat") ?? "")?.[1]);
}

function parentOf(pid: number): number {
  return Number(statOf(pid)[1]);
}

/** The fields of /proc/PID/stat from the third on. */
function statOf(pid: number): readonly string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

describe.skipIf(isUnlimited())("a tenant", () => {
  test.each(["process", "namespace"])(
    "is killed at its memory limit, and the reason is reported, at level %s",
    (level) =>
      withTen(
        { configText: hungry("memory_limit_mb = 160", level), settings: { max_restarts: 0 } },
        async (ten) => {
          await ten.must("spawn", "app:a");
          await ten.get(A, "/eat?amount=1000").catch(() => null);
          const { reason } = await ten.untilState("app:a", "failed");
          const told = "was killed: out of memory (limit 160 MB)";
          expect(reason).toStartWith(told);
          expect(await reasonOf(ten)).toBe(told);
          expect(await ten.must("ps")).toContain("out of memory");
          expect(await ten.must("logs", "app:a")).toContain(` server app:a the process ${told}`);
        },
      ),
  );

  test("keeps its limits when the server is killed, and the next one learns its exit", () =>
    withTen(
      {
        configText: hungry("memory_limit_mb = 160\ncpu_shares = 7"),
        settings: { max_restarts: 0 },
      },
      async (ten) => {
        await ten.must("spawn", "app:a");
        const pid = (await ten.instance("app:a"))?.pid;
        const groups = (await ten.get(A, "/groups")).text;
        await ten.kill9();
        await ten.start();
        expect((await ten.instance("app:a"))?.pid).toBe(pid ?? 0);
        expect((await ten.get(A, "/groups")).text).toBe(groups);
        expect(groups).toMatch(/:memory:\/ten\/\w+\/app:a$|^0::\S*\/ten\/\w+\/app:a$/m);
        await ten.get(A, "/eat?amount=1000").catch(() => null);
        await ten.untilState("app:a", "failed");
        expect(await reasonOf(ten)).toBe("was killed: out of memory (limit 160 MB)");
      },
    ));

  test("is in a group with the weight of its shares, with all that it starts", () =>
    withTen(
      {
        configText: `${hungry("cpu_shares = 100")}
${hungry("cpu_shares = 400").replace("service.app", "service.big")}`,
      },
      async (ten) => {
        await ten.must("spawn", "app:a", "big:b");
        const spin = async (host: string) => Number((await ten.get(host, "/spin")).text);
        const small = weightOf(await spin(A));
        expect(weightOf(await spin("b.big.localhost"))).toBe(4 * small);
      },
    ));

  test("is throttled at its CPU limit", () =>
    withTen({ configText: hungry("cpu_limit = 0.2") }, async (ten) => {
      await ten.must("spawn", "app:a");
      const pid = Number((await ten.get(A, "/spin")).text);
      expect(partOf(pid)).toBe(0.2);
      await until("the kernel throttles it", () => timesThrottled(pid) > 0);
    }));

  test("can't start more processes than its limit", () =>
    withTen({ configText: hungry("pids_limit = 60") }, async (ten) => {
      await ten.must("spawn", "app:a");
      expect((await ten.get(A, "/breed?amount=100")).text).toBe("EAGAIN");
      expect((await ten.get(A, "/")).text).toBe("hello from a");
    }));

  test.each([
    { name: "root", options: {} },
    { name: "an ordinary user", options: { user: ORDINARY_USER, parent: "/var/lib" } },
  ])("is limited to 512 processes by default, by a server of $name", ({ options }) =>
    withTen({ configText: hungry("", "namespace"), ...options }, async (ten) => {
      await ten.must("spawn", "app:a");
      expect((await ten.get(A, "/breed?amount=600")).text).toBe("EAGAIN");
    }),
  );

  test("has its memory counted with that of all it starts", () =>
    withTen({ configText: hungry("") }, async (ten) => {
      await ten.must("spawn", "app:a");
      const before = (await ten.instance("app:a"))?.memory_bytes ?? 0;
      expect(before).toBeGreaterThan(1e6);
      await ten.get(A, "/eat?amount=100");
      expect((await ten.instance("app:a"))?.memory_bytes).toBeGreaterThan(before + 90e6);
    }));

  test("leaves no process when it stops, also none in another session without a mark", () =>
    withTen({ configText: hungry("stop_timeout = 1") }, async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      const daemon = Number((await ten.get(A, "/daemon")).text);
      const other = Number((await ten.get(B, "/daemon")).text);
      await ten.must("stop", "app:a");
      expect(startTimeOf(daemon)).toBeNull();
      expect(startTimeOf(other)).not.toBeNull();
    }));

  test("leaves no process when its main process exits", () =>
    withTen({ configText: hungry('stop_timeout = 1\nrestart = "never"') }, async (ten) => {
      await ten.must("spawn", "app:a");
      const daemon = Number((await ten.get(A, "/daemon")).text);
      await ten.get(A, "/exit?amount=3").catch(() => null);
      await ten.untilState("app:a", "asleep");
      expect(await reasonOf(ten)).toBe("exited with code 3");
      expect(startTimeOf(daemon)).toBeNull();
    }));

  test("leaves no process when its launcher is killed", () =>
    withTen({ configText: hungry('stop_timeout = 1\nrestart = "never"') }, async (ten) => {
      await ten.must("spawn", "app:a");
      const daemon = Number((await ten.get(A, "/daemon")).text);
      const pid = (await ten.instance("app:a"))?.pid ?? 0;
      process.kill(parentOf(pid), "SIGKILL");
      await ten.untilState("app:a", "asleep");
      expect([startTimeOf(pid), startTimeOf(daemon)]).toEqual([null, null]);
    }));

  test("without a service is killed by the next server, also its hidden processes", () =>
    withTen({ configText: hungry("") }, async (ten) => {
      await ten.must("spawn", "app:a");
      const daemon = Number((await ten.get(A, "/daemon")).text);
      const pid = (await ten.instance("app:a"))?.pid ?? 0;
      await ten.kill9();
      ten.reconfigure((text) => text.replaceAll("service.app", "service.other"));
      await ten.start();
      expect([startTimeOf(pid), startTimeOf(daemon)]).toEqual([null, null]);
    }));
});
