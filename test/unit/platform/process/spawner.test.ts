import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ports } from "../../../../src/platform/process/ports.ts";
import {
  listFamily,
  proportionalBytes,
  readProcess,
  startTimeOf,
} from "../../../../src/platform/process/processes.ts";
import { bunSpawner, type Child } from "../../../../src/platform/process/spawner.ts";
import { until } from "../../../support/until.ts";

const isLinux = process.platform === "linux";
const isRoot = isLinux && process.getuid?.() === 0;
const directory = mkdtempSync(join(tmpdir(), "ten-spawner-"));
const children: Child[] = [];
const strangers: { kill(signal: NodeJS.Signals): void; readonly exited: Promise<number> }[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.signal("SIGKILL");
    await child.gone;
  }
  for (const stranger of strangers.splice(0)) {
    stranger.kill("SIGKILL");
    await stranger.exited;
  }
});

interface Script {
  readonly script: string;
  /** Null: nothing waits for descendants. */
  readonly mark?: string | null;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a script that prints "ready" once it is set up. */
async function spawnScript({ env: more = {}, mark = directory, script }: Script): Promise<Child> {
  const output = join(directory, `${crypto.randomUUID()}.log`);
  const fd = openSync(output, "a");
  const env = { TENEMENT_MARK: directory, PATH: process.env["PATH"] ?? "", ...more };
  const argv = ["/bin/sh", "-c", script];
  const command = { argv, cwd: directory, env, cgroup: null, stdout: fd, stderr: fd };
  const child = bunSpawner.spawn(command, mark);
  children.push(child);
  await until("it is ready", () => readFileSync(output, "utf8").includes("ready"));
  return child;
}

/** Starts a process that is no child of the spawner's. */
async function startStranger(prefix: readonly string[], env: Record<string, string>) {
  // A shell would put its environment into another order.
  const program = [process.execPath, "-e", 'console.log("ready"); setInterval(() => {}, 1e6)'];
  const argv = [...prefix, ...program];
  const stranger = Bun.spawn(argv, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  strangers.push(stranger);
  await stranger.stdout.getReader().read();
  return stranger;
}

function membersOf({ ref }: Child): Promise<readonly number[]> {
  return listFamily(ref.pid).then((all) => all.map(({ pid }) => pid));
}

describe("a process", () => {
  test("reports its exit code", async () => {
    const child = await spawnScript({ script: "echo ready; exit 3" });
    expect(await child.exited).toEqual({ kind: "code", code: 3 });
    await child.gone;
  });

  test("reports the signal that ended it", async () => {
    const child = await spawnScript({ script: "echo ready; kill -9 $$" });
    expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
  });

  test("gets signals with its whole group", async () => {
    const child = await spawnScript({ script: "sleep 1000 & echo ready; wait" });
    const members = await membersOf(child);
    expect(members).toHaveLength(2);
    child.signal("SIGTERM");
    await child.gone;
    expect(members.map(startTimeOf)).toEqual([null, null]);
  });

  test.skipIf(!isLinux)(
    "is gone only after a descendant in a session of its own has ended",
    async () => {
      const child = await spawnScript({
        script: "setsid sh -c 'trap \"\" TERM; echo ready; sleep 1000' & wait",
      });
      const members = await membersOf(child);
      child.signal("SIGTERM");
      await child.exited;
      expect(await Promise.race([child.gone, Bun.sleep(20).then(() => "still here")])).toBe(
        "still here",
      );
      child.signal("SIGKILL");
      await child.gone;
      expect(members.map(startTimeOf).filter((time) => time !== null)).toEqual([]);
    },
  );

  test("has the start time by which a later server identifies it", async () => {
    const child = await spawnScript({ script: "echo ready; exec sleep 1000" });
    expect(startTimeOf(child.ref.pid)).toBe(child.ref.startTime);
    const adopted = bunSpawner.adopt(child.ref, directory);
    expect(adopted?.ref).toEqual(child.ref);
    expect(bunSpawner.adopt({ ...child.ref, startTime: 1 }, directory)).toBeNull();
    adopted?.signal("SIGTERM");
    expect(await adopted?.exited).toEqual({ kind: "unknown" });
    await adopted?.gone;
  });

  test("that can't be executed throws at once", () => {
    const argv = ["/nonexistent/program"];
    const command = { argv, cwd: "/", env: {}, cgroup: null, stdout: 1, stderr: 2 };
    expect(() => bunSpawner.spawn(command, directory)).toThrow("ENOENT");
  });

  test("has its memory counted with that of its descendants", async () => {
    // Of the program's own pages only a share counts, while other processes of the host have them as well.
    const program =
      'globalThis.held = Buffer.alloc(20e6, 1); console.log("ready"); setInterval(() => {}, 1e6)';
    const script = `${process.execPath} -e '${program}' & wait`;
    const child = await spawnScript({ script });
    const own = readProcess(child.ref.pid)?.memoryBytes ?? 0;
    if (isLinux) expect(await child.memoryBytes()).toBeGreaterThan(own + 15e6);
  });
});

test.skipIf(!isLinux)("memory that processes share is counted once", async () => {
  const script =
    "text=$(head -c 20000000 /dev/zero | tr '\\0' a); for each in 1 2 3 4; do (sleep 1000; :) & done; echo ready; wait";
  const child = await spawnScript({ script });
  const own = readProcess(child.ref.pid)?.memoryBytes ?? 0;
  expect(own).toBeGreaterThan(20e6);
  const family = await listFamily(child.ref.pid);
  const counted = family.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  expect(counted).toBeGreaterThan(3 * own);
  const bytes = await child.memoryBytes();
  expect(bytes).toBeGreaterThan(20e6);
  expect(bytes).toBeLessThan(1.5 * own);
});

test.skipIf(!isLinux)("the memory of a process that has ended is unknown", async () => {
  const child = await spawnScript({ script: "echo ready; exit 0" });
  await child.gone;
  expect(await proportionalBytes(child.ref.pid)).toBeNull();
});

const LAST_PID = "/proc/sys/kernel/ns_last_pid";

test.skipIf(!isRoot)(
  "a signal to a process that has ended reaches no later one with its number",
  async () => {
    const child = await spawnScript({ script: "echo ready; exec sleep 1000", mark: null });
    process.kill(child.ref.pid, "SIGKILL");
    await child.exited;
    // Another program of the machine may take the number first.
    const stranger = await until("the number is taken again", () => {
      writeFileSync(LAST_PID, String(child.ref.pid - 1));
      const next = Bun.spawn(["sleep", "1000"], {
        detached: true,
        stdio: ["ignore", "ignore", "ignore"],
      });
      strangers.push(next);
      return next.pid === child.ref.pid && next;
    });
    for (const signal of ["SIGTERM", "SIGKILL", 64] as const) child.signal(signal);
    expect(startTimeOf(stranger.pid)).not.toBeNull();
    expect(stranger.signalCode).toBeNull();
  },
);

test("the main process is known to run until it has ended, also before its exit is reported", async () => {
  const child = await spawnScript({ script: "echo ready; exec sleep 1000" });
  expect(child.isRunning()).toBe(true);
  process.kill(child.ref.pid, "SIGKILL");
  while (child.isRunning());
  expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
});

describe.skipIf(!isLinux)("a listening socket", () => {
  const listen = (port: number) =>
    `exec ${process.execPath} -e 'Bun.listen({hostname:"127.0.0.1",port:${port},socket:{data(){}}});console.log("ready")'`;

  test("is the process's own, or another process's", async () => {
    const port = Ports.startingAnywhere().take();
    const child = await spawnScript({ script: listen(port) });
    const stranger = await spawnScript({ script: "echo ready; exec sleep 1000" });
    expect(await child.listensOn(port)).toBe(true);
    expect(await child.listensOn(port + 1)).toBe(false);
    expect(await stranger.listensOn(port)).toBe(false);
  });
});

describe.skipIf(!isLinux)("a process is a member of a launch", () => {
  const pidIn = (file: string) => Number(readFileSync(join(directory, file), "utf8"));

  test("that is its main process or a descendant, also an orphan with its mark", async () => {
    const orphan = "(sleep 1000 & echo $! > orphan)";
    const child = await spawnScript({
      script: `sh -c 'echo $$ > worker; exec sleep 1000' & ${orphan}; echo ready; wait`,
    });
    await until("the worker runs", () => existsSync(join(directory, "worker")) && pidIn("worker"));
    expect([child.ref.pid, pidIn("worker"), pidIn("orphan")].map(child.includes)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("and not one of another launch, whatever its mark, nor the server or its ancestors", async () => {
    const child = await spawnScript({ script: "echo ready; exec sleep 1000" });
    const other = await spawnScript({ script: "echo ready; exec sleep 1000", mark: null });
    expect([other.ref.pid, process.pid, 1].map(child.includes)).toEqual([false, false, false]);
  });
});

describe.skipIf(!isLinux)("a mark", () => {
  const MARKED = { TENEMENT_MARK: `${directory}/notes/ghost#0` };
  const sweep = () =>
    bunSpawner.sweep({ recorded: [], isUnwanted: (mark) => mark === MARKED.TENEMENT_MARK });

  test("that is unwanted ends the orphans that bear it", async () => {
    const stranger = await startStranger([], MARKED);
    expect(await sweep()).toBe(0);
    await stranger.exited;
    expect(stranger.signalCode).toBe("SIGKILL");
  });

  test("that is a part of another variable's value does not count", async () => {
    const stranger = await startStranger([], { OTHER: `TENEMENT_MARK=${MARKED.TENEMENT_MARK}` });
    expect(await sweep()).toBe(0);
    expect(startTimeOf(stranger.pid)).not.toBeNull();
  });

  test("behind more of the environment than is read does not count", async () => {
    const stranger = await startStranger([], { AAA: "x".repeat(20_000), ...MARKED });
    expect(await sweep()).toBe(0);
    expect(startTimeOf(stranger.pid)).not.toBeNull();
  });

  test("does not count in the environment of another launch's descendant", async () => {
    const child = await spawnScript({
      script: `TENEMENT_MARK=${MARKED.TENEMENT_MARK} sh -c 'echo ready; exec sleep 1000' & wait`,
      mark: null,
    });
    const members = await membersOf(child);
    expect(await sweep()).toBe(0);
    expect(members.map(startTimeOf)).not.toContain(null);
    expect(members).toHaveLength(2);
    for (const pid of members.slice(1)) process.kill(pid, "SIGKILL");
  });

  const foreign: [string, readonly string[]][] = [
    ["another user's", ["setpriv", "--reuid", "61300", "--regid", "61300", "--clear-groups"]],
    [
      "another pid namespace's",
      [
        "env",
        "-i",
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "env",
        `TENEMENT_MARK=${MARKED.TENEMENT_MARK}`,
      ],
    ],
    ["a set-user-id program's", ["setpriv", "--ruid", "61300"]],
  ];
  test.skipIf(!isRoot).each(foreign)("does not count in %s process", async (_, prefix) => {
    const stranger = await startStranger(prefix, MARKED);
    const members = (await listFamily(stranger.pid)).slice(-1);
    expect(await sweep()).toBe(0);
    expect(members.map(({ pid }) => startTimeOf(pid))).toEqual([expect.any(Number)]);
  });
});

test.skipIf(!isLinux)("a sweep ends a recorded process with its group", async () => {
  const child = await spawnScript({ script: "sleep 1000 & echo ready; wait", mark: null });
  const members = await membersOf(child);
  await bunSpawner.sweep({ recorded: [child.ref], isUnwanted: () => false });
  await child.gone;
  await until("its group has ended", () => members.every((pid) => startTimeOf(pid) === null));
});

process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
