import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { startFailure, unavailable } from "../../../../src/core/failure.ts";
import { ControlWorld } from "../../control/fakes.ts";
import { FakeShell, type Outcome, runWith } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  world.administration.addRunning("notes:alice");
  world.administration.add("notes:bob");
});

afterEach(() => world[Symbol.asyncDispose]());

const shellOf = (options: { isTerminal?: boolean; env?: Record<string, string> } = {}) =>
  new FakeShell({ ...options, env: { TENEMENT_DATA_DIR: world.dataDir, ...options.env } });

const ten = (...argv: readonly string[]): Promise<Outcome> => runWith(shellOf(), ...argv);

describe("spawn", () => {
  test("prints the address of each, in the order of the operands", async () => {
    expect(await ten("spawn", "notes:carol", "notes:dan", "--weight", "3", "-e", "A=1")).toEqual({
      exit: 0,
      out:
        "notes:carol is ready at http://carol.notes.localhost:8080 (127.0.0.1:30001)\n" +
        "notes:dan is ready at http://dan.notes.localhost:8080 (127.0.0.1:30001)\n",
      err: "",
    });
    expect(world.administration.views.get("notes:dan")?.weight).toBe(3);
    expect(world.administration.env.get("notes:carol")).toEqual({ A: "1" });
  });

  test("--no-start only registers", async () => {
    const { out } = await ten("spawn", "notes:carol", "--no-start");
    expect(out).toContain("notes:carol is registered and asleep");
    expect(world.administration.orders).toEqual(["register notes:carol"]);
  });

  test("an invalid name prevents all", async () => {
    expect((await ten("spawn", "notes:carol", "notes")).exit).toBe(2);
    expect(world.administration.orders).toEqual([]);
  });

  test("--json and --quiet", async () => {
    const { out } = await ten("--json", "spawn", "notes:carol");
    expect(JSON.parse(out)).toMatchObject({ instance: "notes:carol", port: 30_001 });
    expect((await ten("spawn", "notes:carol", "--quiet")).out).toBe("");
  });
});

describe("orders", () => {
  test.each([
    ["start", "notes:alice is running at http://alice.notes.localhost:8080 (127.0.0.1:30001)\n"],
    ["stop", "notes:alice is stopped\n"],
    ["sleep", "notes:alice is asleep\n"],
    ["restart", "notes:alice is running at http://alice.notes.localhost:8080 (127.0.0.1:30001)\n"],
    ["disable", "notes:alice is disabled\n"],
    ["enable", "notes:alice is asleep\n"],
  ])("%s prints the new state", async (order, out) => {
    expect(await ten(order, "notes:alice")).toEqual({ exit: 0, out, err: "" });
    expect(world.administration.orders).toEqual([`${order} notes:alice`]);
  });

  test("valid ones of several are performed; the exit code is that of the first failure", async () => {
    const { exit, out, err } = await ten("stop", "notes:zed", "notes:alice", "notes:yan");
    expect(exit).toBe(3);
    expect(out).toBe("notes:alice is stopped\n");
    expect(err.split("\n").filter((line) => line.startsWith("error: "))).toEqual([
      'error: Cannot find "notes:zed": it is not registered',
      'error: Cannot find "notes:yan": it is not registered',
    ]);
  });

  test("more than run at a time are all performed", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `notes:n${index}`);
    for (const name of names) world.administration.add(name);
    const { out } = await ten("start", ...names);
    expect(out.split("\n").map((line) => line.split(" ")[0])).toEqual([...names, ""]);
  });

  test("rm keeps the data, rm --purge does not", async () => {
    expect((await ten("rm", "notes:alice")).out).toBe("notes:alice is removed; its data is kept\n");
    expect((await ten("rm", "--purge", "notes:bob")).out).toBe(
      "notes:bob is removed with all its data\n",
    );
    expect(world.administration.orders).toEqual(["remove notes:alice", "purge notes:bob"]);
  });

  test("weight and health", async () => {
    expect((await ten("weight", "notes:alice", "7")).out).toBe("notes:alice has weight 7\n");
    expect((await ten("health", "notes:alice")).out).toBe("notes:alice: healthy\n");
    expect(JSON.parse((await ten("health", "notes:bob", "--json")).out)).toEqual({
      instance: "notes:bob",
      health: "asleep",
    });
    expect((await ten("health", "notes:zed")).exit).toBe(3);
  });
});

describe("ps", () => {
  beforeEach(() => {
    world.administration.add("notes:carol", { state: "stopped", health: "stopped" });
    world.administration.add("notes:dan", {
      state: "failed",
      health: "failed",
      failure: startFailure("out of memory", "Raise memory_limit_mb"),
      restarts: 4,
    });
  });

  test("lists running and failed instances, and counts the others", async () => {
    expect((await ten("ps")).out).toBe(
      [
        "INSTANCE     LISTEN           STATE    UPTIME  IDLE  HEALTH   WEIGHT    MEMORY  RESTARTS",
        "notes:alice  127.0.0.1:30001  running    1m5s    1s  healthy     100  12.3 MiB         0",
        "notes:dan    -                failed        -     -  failed      100         -         4  out of memory",
        "and 1 asleep, 1 stopped (ten ps -a)",
        "hint for notes:dan: Raise memory_limit_mb",
        "",
      ].join("\n"),
    );
  });

  test("reports missing walls, with the number of instances", async () => {
    const gaps = ["they reach other tenants' ports: nft is not installed"];
    world.administration.addRunning("notes:erin", { gaps });
    world.administration.addRunning("notes:fay", { gaps });
    expect((await ten("ps")).out).toEndWith(
      `walls missing around 2 instances: ${gaps[0]} (ten doctor)\n`,
    );
    expect((await ten("ps", "--quiet")).out).not.toContain("walls missing");
  });

  test("shows instances that the server has stopped, and warnings of running ones", async () => {
    const reason = "storage is over its quota";
    world.administration.add("notes:eve", {
      state: "stopped",
      health: "stopped",
      failure: unavailable(reason),
    });
    world.administration.addRunning("notes:alice", { warnings: ["nearly full"] });
    const lines = (await ten("ps")).out.split("\n");
    expect(lines.find((line) => line.startsWith("notes:eve"))).toEndWith(`  ${reason}`);
    expect(lines.find((line) => line.startsWith("notes:alice"))).toEndWith("  nearly full");
    expect(lines).toContain("and 1 asleep, 1 stopped (ten ps -a)");
  });

  test("-a shows all, --quiet no count, --json the data", async () => {
    expect((await ten("ps", "-a")).out.match(/^notes:\w+/gm)).toHaveLength(4);
    expect((await ten("ps", "-a")).out).not.toContain("and 1");
    expect((await ten("ps", "--quiet")).out).not.toContain("and 1");
    const list = JSON.parse((await ten("ps", "--json")).out) as { id: string }[];
    expect(list.map(({ id }) => id)).toEqual(["notes:alice", "notes:dan"]);
  });

  test("is in colour on a terminal, unless NO_COLOR says otherwise", async () => {
    const onTerminal = await runWith(shellOf({ isTerminal: true }), "ps");
    expect(onTerminal.out).toContain("\x1b[32mrunning\x1b[39m");
    const plain = await runWith(shellOf({ isTerminal: true, env: { NO_COLOR: "1" } }), "ps");
    expect(plain.out).not.toContain("\x1b");
  });

  test.each([true, false])("--watch continues until Ctrl-C (terminal: %p)", async (isTerminal) => {
    const shell = shellOf({ isTerminal, env: { NO_COLOR: "1" } });
    const running = runWith(shell, "ps", "--watch");
    await shell.printed("notes:alice");
    world.administration.add("notes:eve", { state: "starting", health: "unknown" });
    await shell.printed("notes:eve");
    shell.interrupt();
    expect((await running).exit).toBe(0);
    expect(shell.out.startsWith("\x1b[H\x1b[J")).toBe(isTerminal);
  });
});

test("env sets, unsets and lists, and says when it is applied", async () => {
  const { out } = await ten("env", "set", "notes:alice", "COLOR=red", "API_KEY=s3cret");
  expect(out).toContain("applied at the next start of notes:alice");
  expect((await ten("env", "ls", "notes:alice")).out).toBe("COLOR=red\nAPI_KEY=********\n");
  await ten("env", "unset", "notes:alice", "COLOR");
  expect(world.administration.env.get("notes:alice")).toEqual({ API_KEY: "s3cret" });
});

test("why tells the story", async () => {
  const now = Date.now();
  world.administration.stories.set("notes:alice", {
    openRequests: 1,
    openTunnels: 2,
    lastWake: { at: now, by: "request from 203.0.113.7", queuedMs: 0, launchMs: 4, readyMs: 1500 },
    lastExit: { at: now, reason: "idle" },
  });
  const { out } = await ten("why", "notes:alice");
  expect(out).toStartWith("notes:alice is running for 1m5s\n");
  expect(out).toContain("by request from 203.0.113.7\n");
  expect(out).toContain("waiting for its turn 0 ms, launching 4 ms, getting ready 1.5 s\n");
  expect(out).toContain("1 open, 2 WebSockets or tunnels\n");
  expect(out).toContain("ago: idle\n");
});

test("audit lists changes, newest first", async () => {
  await ten("stop", "notes:alice");
  await ten("start", "notes:alice");
  const [head, first, second] = (await ten("audit")).out.split("\n");
  expect(head).toMatch(/^WHEN +WHO +ACTION +SUBJECT +OUTCOME$/);
  expect(first).toMatch(/Z +socket +start +notes:alice +done$/);
  expect(second).toMatch(/Z +socket +stop +notes:alice +done$/);
});

describe("restart-server", () => {
  test("prints the new and the old server", async () => {
    expect(await ten("restart-server")).toEqual({
      exit: 0,
      out: "ten 1.2.4 serves, pid 2; it replaces ten 1.2.3, pid 1\n",
      err: "",
    });
    expect(JSON.parse((await ten("restart-server", "--json")).out)).toEqual({
      old: { version: "1.2.3", pid: 1 },
      new: { version: "1.2.4", pid: 2 },
    });
  });

  test("ends with 1 and the reason when the new server can't start", async () => {
    world.restart = async () => {
      throw new TenError("FAILED", "Cannot start the new server: it ended with 7");
    };
    expect(await ten("restart-server")).toEqual({
      exit: 1,
      out: "",
      err: "error: Cannot start the new server: it ended with 7\n",
    });
  });
});

describe("reload", () => {
  test("prints the changes, a line each", async () => {
    world.reloader.outcome = {
      plan: {
        added: ["wiki"],
        changed: [
          { service: "notes", now: ["idle_timeout"], launch: ["env"], start: ["storage_quota_mb"] },
        ],
        removed: ["blog"],
        instances: [{ service: "wiki", id: "main" }],
        settings: ["max_running"],
        routing: ["default"],
        server: ["data_dir", "tls.enabled"],
      },
      replaced: [{ service: "notes", id: "alice" }],
      failed: [],
    };
    expect(await ten("reload")).toEqual({
      exit: 0,
      out: [
        "service wiki added",
        "service notes changed, at once: idle_timeout",
        "service notes changed, with new processes: env",
        "service notes changed, at the next start: storage_quota_mb",
        "service blog removed; its instances are stopped, their data stay",
        "instance wiki:main is started",
        "instance notes:alice has a new process",
        "settings changed: max_running",
        "routing changed: default",
        "tls.enabled needs: ten restart-server",
        "data_dir needs: stop the server and start it",
        "",
      ].join("\n"),
      err: "",
    });
    expect(world.trail).toEqual(["socket reload configuration done"]);
  });

  test("--dry-run is no change", async () => {
    expect(await ten("reload", "--dry-run")).toMatchObject({ out: "Nothing has changed\n" });
    expect(world.trail).toEqual([]);
  });

  test("failures are printed, and end with 1", async () => {
    const failed = [{ subject: "notes:alice", reason: "no such program", hint: "Install it" }];
    world.reloader.outcome = { ...world.reloader.outcome, failed };
    const { exit, out, err } = await ten("reload");
    expect({ exit, out }).toEqual({
      exit: 1,
      out: "failed notes:alice: no such program\nhint: Install it\n",
    });
    expect(err).toContain("Cannot apply all changes: 1 failed");
  });

  test("a configuration with mistakes ends with 2", async () => {
    const message = 'Cannot use "tenement.toml":\n  service.notes.comand: unknown key';
    world.reloader.reload = () => Promise.reject(new TenError("CONFIG_INVALID", message));
    expect(await ten("reload")).toMatchObject({ exit: 2, err: expect.stringContaining("comand") });
    expect(world.trail).toEqual(["socket reload configuration CONFIG_INVALID"]);
  });
});
