import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TenError } from "../../../../src/core/errors.ts";
import { startFailure, unavailable } from "../../../../src/core/failure.ts";
import { openTenementDatabase } from "../../../../src/database/database.ts";
import { until } from "../../../support/until.ts";
import { ControlWorld, lineOf } from "../../control/fakes.ts";
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
  test("prints the address of each, in the order given", async () => {
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

  test("one bad name, and nothing is done", async () => {
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
  ])("%s tells what came of it", async (order, out) => {
    expect(await ten(order, "notes:alice")).toEqual({ exit: 0, out, err: "" });
    expect(world.administration.orders).toEqual([`${order} notes:alice`]);
  });

  test("of several the good ones are done; the exit code is of the first that failed", async () => {
    const { exit, out, err } = await ten("stop", "notes:zed", "notes:alice", "notes:yan");
    expect(exit).toBe(3);
    expect(out).toBe("notes:alice is stopped\n");
    expect(err.split("\n").filter((line) => line.startsWith("error: "))).toEqual([
      'error: Cannot find "notes:zed": it is not registered',
      'error: Cannot find "notes:yan": it is not registered',
    ]);
  });

  test("more at once than run side by side are all done", async () => {
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

  test("shows what is up or failed, and counts the rest", async () => {
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

  test("says which walls are missing around how many", async () => {
    const gaps = ["they reach other tenants' ports: nft is not installed"];
    world.administration.addRunning("notes:erin", { gaps });
    world.administration.addRunning("notes:fay", { gaps });
    expect((await ten("ps")).out).toEndWith(
      `walls missing around 2 instances: ${gaps[0]} (ten doctor)\n`,
    );
    expect((await ten("ps", "--quiet")).out).not.toContain("walls missing");
  });

  test("shows what the server itself has stopped, and what is wrong with what runs", async () => {
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

  test.each([true, false])("--watch goes on until Ctrl-C (terminal: %p)", async (isTerminal) => {
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

describe("logs", () => {
  test("prints lines of one instance, of a service, or of all", async () => {
    world.logs.write(
      lineOf("notes:alice", "one"),
      lineOf("notes:bob", "two"),
      lineOf("wiki:a", "x"),
    );
    const texts = async (...argv: string[]) =>
      (await ten("logs", ...argv)).out.match(/\S+$/gm)?.join(" ");
    expect(await texts("notes:alice")).toBe("one");
    expect(await texts("notes")).toBe("one two");
    expect(await texts()).toBe("one two x");
    expect((await ten("logs", "notes:alice")).out).toMatch(
      /^2026-0[12]-[03]\d \d\d:00:00\.000 notes:alice one\n$/,
    );
  });

  test("hands its filters on", async () => {
    await ten("logs", "--level", "stderr", "--search", "a b", "--limit", "5", "notes:alice");
    expect(world.logs.queries[0]).toEqual({
      filter: { service: "notes", id: "alice", stream: "stderr", search: "a b" },
      limit: 5,
    });
    expect((await ten("logs", "--since", "soon")).exit).toBe(2);
  });

  test("of an instance that there isn't ends with 3, followed or not", async () => {
    expect((await ten("logs", "notes:zed")).exit).toBe(3);
    expect((await ten("logs", "notes:zed", "-f")).exit).toBe(3);
    expect(await ten("logs", "notes:bob")).toEqual({ exit: 0, out: "", err: "" });
  });

  test("-f goes on with new lines and ends well at Ctrl-C", async () => {
    world.logs.write(lineOf("notes:alice", "old"));
    const shell = shellOf();
    const running = runWith(shell, "logs", "-f", "notes:alice");
    await shell.printed("old");
    world.logs.write(lineOf("notes:alice", "new"));
    await shell.printed("new");
    shell.interrupt();
    expect(await running).toMatchObject({ exit: 0, err: "" });
    await until("the server has noticed", () => world.logs.followers.size === 0);
  });

  test("-f ends with 4 when the server goes", async () => {
    world.logs.write(lineOf("notes:alice", "old"));
    const shell = shellOf();
    const running = runWith(shell, "logs", "-f");
    await shell.printed("old");
    await world.close();
    expect((await running).exit).toBe(4);
  });

  test("a tenant's control characters reach a file, not a terminal; --json is one line each", async () => {
    world.logs.write(lineOf("notes:alice", "\x1b]0;x\x07"), lineOf("notes:alice", "b"));
    expect((await ten("logs")).out).toContain("\x1b]0;x\x07");
    expect((await runWith(shellOf({ isTerminal: true }), "logs")).out).toContain("\\x1b]0;x\\x07");
    const lines = (await ten("logs", "--json")).out.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["\x1b]0;x\x07", "b"]);
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

describe("tokens", () => {
  const tokenIn = (out: string) => /^ {2}(\S{43})$/m.exec(out)?.[1] ?? "";

  test("an administrator's is printed on a line of its own and kept for later", async () => {
    const { out, exit } = await ten("token-gen", "--description", "laptop");
    expect(exit).toBe(0);
    const file = join(world.dataDir, "api_token");
    expect(readFileSync(file, "utf8")).toBe(`${tokenIn(out)}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(world.store.tokens.verify(tokenIn(out))).toMatchObject({ description: "laptop" });
  });

  test("another one takes the place of the one that was kept, also of one that others could read", async () => {
    writeFileSync(join(world.dataDir, "api_token"), "old", { mode: 0o644 });
    const { out } = await ten("token-gen");
    expect(readFileSync(join(world.dataDir, "api_token"), "utf8")).toBe(`${tokenIn(out)}\n`);
    expect(statSync(join(world.dataDir, "api_token")).mode & 0o777).toBe(0o600);
  });

  test("a tenant's is printed, and not kept", async () => {
    const { out } = await ten("token-gen", "--tenant", "alice");
    expect(world.store.tokens.verify(tokenIn(out))?.tenant).toBe("alice");
    expect(existsSync(join(world.dataDir, "api_token"))).toBe(false);
  });

  test("are made, listed and revoked without a server, on record", async () => {
    await world.close();
    const token = tokenIn((await ten("token-gen")).out);
    expect((await ten("token", "ls")).out).toMatch(/^ +1 +administrator +\S+ \S+Z/m);
    expect((await ten("token", "revoke", "1")).exit).toBe(0);
    expect((await ten("token", "revoke", "1")).err).toContain('Cannot revoke token "1"');
    using store = openTenementDatabase(world.dataDir);
    expect(store.tokens.verify(token)).toBeNull();
    expect(store.audit.list(10).map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      "revoke-token NOT_FOUND",
      "revoke-token done",
      "create-token done",
    ]);
  });

  test("a server that was named is not passed over", async () => {
    await world.close();
    const server = `unix://${world.dataDir}/tenement.sock`;
    expect((await ten("token-gen", "--server", server)).exit).toBe(4);
    expect(world.store.tokens.list()).toEqual([]);
  });
});

describe("over HTTP", () => {
  let front: Bun.Server<undefined>;
  let url: string;

  /** Stands in for the proxy. */
  beforeEach(() => {
    front = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request) => {
        const { pathname, search } = new URL(request.url);
        const headers = new Headers(request.headers);
        headers.set("X-Forwarded-For", "203.0.113.7");
        const unix = world.server.innerSocket;
        return fetch(`http://localhost${pathname}${search}`, { headers, unix });
      },
    });
    url = `http://127.0.0.1:${front.port}`;
  });

  afterEach(() => front.stop(true));

  test("the token comes from the flag, then the environment, then the data directory", async () => {
    const [flag, variable, file] = [world.token(null), world.token(null), world.token(null)];
    writeFileSync(join(world.dataDir, "api_token"), `${file}\n`);
    const exit = async (env: Record<string, string>, ...argv: string[]) =>
      (await runWith(shellOf({ env: { TENEMENT_SERVER: url, ...env } }), "ps", ...argv)).exit;
    expect(await exit({})).toBe(0);
    expect(await exit({ TENEMENT_TOKEN: "wrong" })).toBe(5);
    expect(await exit({ TENEMENT_TOKEN: variable })).toBe(0);
    expect(await exit({ TENEMENT_TOKEN: variable }, "--token", "wrong")).toBe(5);
    expect(await exit({ TENEMENT_TOKEN: "wrong" }, `--token=${flag}`)).toBe(0);
  });

  test("without a token, or with a tenant's for what only an administrator may, it ends with 5", async () => {
    const none = await ten("--server", url, "ps");
    expect(none.exit).toBe(5);
    expect(none.err).toContain("hint: ");
    const tenant = world.token("alice");
    expect((await ten("--server", url, "--token", tenant, "ps", "-a")).out).not.toContain("bob");
    expect((await ten("--server", url, "--token", tenant, "audit")).exit).toBe(5);
  });

  test("what is not ten, or sends elsewhere, is not mistaken for it", async () => {
    let reached = 0;
    const other = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url: asked }) => {
        reached += 1;
        if (!asked.includes("/api/")) return new Response("{}");
        return reached === 1
          ? Response.redirect("/elsewhere")
          : new Response("<html>", { status: 404 });
      },
    });
    for (const count of [1, 2]) {
      const outcome = await ten("--server", `http://127.0.0.1:${other.port}`, "ps");
      expect(outcome.exit).toBe(4);
      expect(outcome.err).toContain("what answers there is not ten");
      expect(reached).toBe(count);
    }
    await other.stop(true);
  });
});

describe("restart-server", () => {
  test("tells which server has followed which", async () => {
    expect(await ten("restart-server")).toEqual({
      exit: 0,
      out: "ten 1.2.4 serves, pid 2; it follows ten 1.2.3, pid 1\n",
      err: "",
    });
    expect(JSON.parse((await ten("restart-server", "--json")).out)).toEqual({
      old: { version: "1.2.3", pid: 1 },
      new: { version: "1.2.4", pid: 2 },
    });
  });

  test("ends with 1 and the reason when none can follow", async () => {
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
  test("tells what has changed, a line each", async () => {
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

  test("what did not succeed is told, and ends with 1", async () => {
    const failed = [{ subject: "notes:alice", reason: "no such program", hint: "Install it" }];
    world.reloader.outcome = { ...world.reloader.outcome, failed };
    const { exit, out, err } = await ten("reload");
    expect({ exit, out }).toEqual({
      exit: 1,
      out: "failed notes:alice: no such program\nhint: Install it\n",
    });
    expect(err).toContain("Cannot apply all of it: 1 did not succeed");
  });

  test("a configuration with mistakes ends with 2", async () => {
    const message = 'Cannot use "tenement.toml":\n  service.notes.comand: unknown key';
    world.reloader.reload = () => Promise.reject(new TenError("CONFIG_INVALID", message));
    expect(await ten("reload")).toMatchObject({ exit: 2, err: expect.stringContaining("comand") });
    expect(world.trail).toEqual(["socket reload configuration CONFIG_INVALID"]);
  });
});
