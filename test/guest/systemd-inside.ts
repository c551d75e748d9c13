// Tenants of a server under systemd, tested inside a guest by `bun test`.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { until } from "../support/until.ts";

const HOST = "alice.app.localhost:8080";
const CONTROL_SOCKET = "/var/lib/tenement/tenement.sock";
const GROUPS = "/sys/fs/cgroup/ten";

test("tenants answer", async () => {
  await until("it listens", () => ask("/pid"));
});

test("a crashed server is restarted and adopts its tenants", async () => {
  const before = await snapshot();
  process.kill(before.server, "SIGKILL");
  await untilAnotherServer(before.server);
  const after = await snapshot();
  expect(after).toEqual({ ...before, server: after.server });
  await log("written after a crash");
});

test("systemctl daemon-reload disturbs no tenant", async () => {
  const before = await snapshot();
  run("systemctl", "daemon-reload");
  expect(await snapshot()).toEqual(before);
});

test("a reload replaces the server", async () => {
  const before = await snapshot();
  run("systemctl", "reload", "ten");
  const after = await snapshot();
  expect(after.server).not.toBe(before.server);
  expect(after).toEqual({ ...before, server: after.server });
  await until("the old server has ended", () => !isAlive(before.server));
  expect(run("systemctl", "is-active", "ten")).toBe("active\n");
  await log("written after a reload");
});

test("a restart keeps data, limits and logs", async () => {
  const before = await snapshot();
  await ask("/write", "kept");
  run("systemctl", "restart", "ten");
  await until("it listens", () => ask("/pid"));
  const after = await snapshot();
  expect(after.server).not.toBe(before.server);
  expect(isAlive(before.tenant)).toBe(false);
  expect(after.limits).toEqual(before.limits);
  expect(await ask("/journal")).toBe("kept\nstopped\n");
  for (const words of ["written after a crash", "written after a reload"]) {
    expect(await search(words)).toContain(words);
  }
});

test("a stop of the server stops its tenants and leaves no control group", async () => {
  const { tenant } = await snapshot();
  run("systemctl", "stop", "ten");
  expect(isAlive(tenant)).toBe(false);
  expect(existsSync(GROUPS)).toBe(false);
});

interface Snapshot {
  readonly server: number;
  /** Of the tenant, on the host. */
  readonly tenant: number;
  readonly limits: Readonly<Record<string, string>>;
}

async function snapshot(): Promise<Snapshot> {
  const [instance] = JSON.parse(await control("/api/instances"));
  expect(await ask("/")).toBe("hello from alice");
  return {
    server: mainPid(),
    tenant: instance.pid,
    limits: Object.fromEntries(
      ["memory.max", "cpu.weight", "pids.max"].map((name) => [name, limit(instance.pid, name)]),
    ),
  };
}

function limit(pid: number, name: string): string {
  const group = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().replace(/^0::/, "");
  expect(group).toStartWith("/ten/");
  return readFileSync(`/sys/fs/cgroup${group}/${name}`, "utf8").trim();
}

async function untilAnotherServer(former: number): Promise<void> {
  await until("systemd has started another server", () => ![0, former].includes(mainPid()));
  await until("it listens", () => ask("/pid"));
}

function mainPid(): number {
  return Number(run("systemctl", "show", "--property", "MainPID", "--value", "ten"));
}

async function log(line: string): Promise<void> {
  await ask(`/log?line=${encodeURIComponent(line)}`);
  await until(`"${line}" is in the log`, async () => (await search(line)).includes(line));
}

function search(words: string): Promise<string> {
  return control(`/api/logs?process=app&id=alice&search=${encodeURIComponent(words)}`);
}

/** The answer of the tenant; false while there is none. */
async function ask(path: string, body?: string): Promise<string | false> {
  try {
    const options = body === undefined ? {} : { method: "POST", body };
    const answer = await fetch(`http://127.0.0.1:8080${path}`, {
      ...options,
      headers: { Host: HOST },
    });
    return answer.ok ? await answer.text() : false;
  } catch {
    return false;
  }
}

/** Calls the API; a command would take seconds to start in an emulated machine. */
async function control(path: string): Promise<string> {
  const answer = await fetch(`http://localhost${path}`, { unix: CONTROL_SOCKET });
  return await answer.text();
}

function run(...argv: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd: "/srv/app" });
  if (exitCode === 0) return stdout.toString();
  throw new Error(`${argv.join(" ")} ended with ${exitCode}: ${stderr.toString()}`);
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
