import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasSocket, listeningSockets } from "../../../../src/platform/kernel/sock-diag.ts";
import { Ports } from "../../../../src/platform/process/ports.ts";
import { listProcesses, startTimeOf } from "../../../../src/platform/process/processes.ts";
import { bunSpawner, type Child } from "../../../../src/platform/process/spawner.ts";
import { until } from "../../../support/until.ts";

const isLinux = process.platform === "linux";
const directory = mkdtempSync(join(tmpdir(), "ten-spawner-"));
const children: Child[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.signal("SIGKILL");
    await child.gone;
  }
});

/** Runs a script that prints "ready" once it is set up. */
async function spawnScript(script: string): Promise<Child> {
  const output = join(directory, `${crypto.randomUUID()}.log`);
  const fd = openSync(output, "a");
  const env = { PATH: process.env["PATH"] ?? "", TENEMENT_MARK: directory };
  const argv = ["/bin/sh", "-c", script];
  const command = { argv, cwd: directory, env, cgroup: null, stdout: fd, stderr: fd };
  const child = bunSpawner.spawn(command, directory);
  children.push(child);
  await until("it is ready", () => readFileSync(output, "utf8").includes("ready"));
  return child;
}

describe("a process", () => {
  test("reports its exit code", async () => {
    const child = await spawnScript("echo ready; exit 3");
    expect(await child.exited).toEqual({ kind: "code", code: 3 });
    await child.gone;
  });

  test("reports the signal that ended it", async () => {
    const child = await spawnScript("echo ready; kill -9 $$");
    expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
  });

  test("gets signals with its whole group", async () => {
    const child = await spawnScript("sleep 1000 & echo ready; wait");
    child.signal("SIGTERM");
    await child.gone;
    expect(await membersOf(child)).toEqual([]);
  });

  test.skipIf(!isLinux)(
    "is gone only after a descendant in a session of its own has ended",
    async () => {
      const child = await spawnScript(
        "setsid sh -c 'trap \"\" TERM; echo ready; sleep 1000' & wait",
      );
      child.signal("SIGTERM");
      await child.exited;
      expect(await Promise.race([child.gone, Bun.sleep(20).then(() => "still here")])).toBe(
        "still here",
      );
      child.signal("SIGKILL");
      await child.gone;
      const marked = (await listProcesses()).filter(
        ({ mark, zombie }) => mark === directory && !zombie,
      );
      expect(marked).toEqual([]);
    },
  );

  test("has the start time by which a later server identifies it", async () => {
    const child = await spawnScript("echo ready; exec sleep 1000");
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
});

test("the main process is known to run until it has ended, also before its exit is reported", async () => {
  const child = await spawnScript("echo ready; exec sleep 1000");
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
    const child = await spawnScript(listen(port));
    const stranger = await spawnScript("echo ready; exec sleep 1000");
    expect(await child.listensOn(port)).toBe(true);
    expect(await child.listensOn(port + 1)).toBe(false);
    // Both processes have the same mark here, and the mark alone makes a process a descendant.
    expect(await stranger.listensOn(port)).toBe(true);
    expect(hasSocket(stranger.ref.pid, listeningSockets(port) ?? new Set())).toBe(false);
  });
});

test.skipIf(!isLinux)("a sweep ends all processes with an unwanted mark", async () => {
  const child = await spawnScript("setsid sleep 1000 & echo ready; exec sleep 1000");
  await bunSpawner.sweep((mark) => mark === directory);
  await child.gone;
  expect(await membersOf(child)).toEqual([]);
});

test("the mark is a variable, not a part of another's value", async () => {
  const [own] = (await listProcesses()).filter(({ pid }) => pid === process.pid);
  expect(own?.mark).toBeNull();
  expect(own?.memoryBytes).toBeGreaterThan(1e6);
});

async function membersOf({ ref }: Child): Promise<number[]> {
  const entries = await listProcesses();
  return entries.filter(({ group, zombie }) => group === ref.pid && !zombie).map(({ pid }) => pid);
}

process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
