import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LogEvent } from "../../../../src/control/client/log-follower.ts";
import { systemClock } from "../../../../src/platform/clock.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { until } from "../../../support/until.ts";
import { lineOf } from "../fake-logs.ts";
import { ControlWorld } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
});

afterEach(() => world[Symbol.asyncDispose]());

async function messagesOf(response: Response): Promise<readonly string[]> {
  return ((await response.json()) as { message: string }[]).map(({ message }) => message);
}

/** Reads `count` events, then leaves. */
async function take(
  count: number,
  events: AsyncIterable<LogEvent>,
  leave: AbortController,
): Promise<readonly string[]> {
  const messages: string[] = [];
  for await (const event of events) {
    messages.push(event.kind === "line" ? event.line.message : `${event.count} dropped`);
    if (messages.length === count) leave.abort();
  }
  return messages;
}

describe("searching", () => {
  test("answers with all fields of the contract", async () => {
    world.logs.write(lineOf("notes:alice", "hello", { stream: "stderr" }));
    expect(await (await world.ask("/api/logs")).json()).toEqual([
      {
        timestamp: "2026-01-31T12:00:00.000Z",
        level: "stderr",
        process: "notes",
        instance_id: "alice",
        message: "hello",
      },
    ]);
  });

  test("passes every filter on, with a limit of 100 lines by default", async () => {
    await world.ask("/api/logs");
    await world.ask(
      "/api/logs?process=notes&id=alice&level=stdout&search=a%20%22b&since=2026-01-31T12:00:00Z&limit=7",
    );
    const since = Date.UTC(2026, 0, 31, 12);
    expect(world.logs.queries).toEqual([
      { filter: {}, limit: 100 },
      {
        filter: { service: "notes", id: "alice", stream: "stdout", search: 'a "b', since },
        limit: 7,
      },
    ]);
  });

  test("a cut answer leads to the lines before it, the last one nowhere", async () => {
    world.logs.pageLines = 2;
    world.logs.write(...["a", "b", "c", "d", "e"].map((text) => lineOf("notes:alice", text)));
    const pages: (readonly string[])[] = [];
    for (let path: string | undefined = "/api/logs?id=alice&limit=4"; path !== undefined;) {
      const response = await world.ask(path);
      path = /<(.*)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
      pages.push(await messagesOf(response));
    }
    expect(pages).toEqual([
      ["d", "e"],
      ["b", "c"],
    ]);
    const query = { id: "alice", limit: "4" };
    const lines = await world.client().searchLogs(query);
    expect(lines.map(({ message }) => message)).toEqual(["b", "c", "d", "e"]);
  });

  test("all parts of a cut answer are of the time from which its first part was counted", async () => {
    const clock = new FakeClock();
    await using still = await ControlWorld.open(clock);
    still.logs.pageLines = 1;
    still.logs.write(lineOf("notes:alice", "a"), lineOf("notes:alice", "b"));
    const link = (await still.ask("/api/logs?since=10m")).headers.get("Link") ?? "";
    const since = new Date(clock.wall() - 600_000).toISOString();
    expect(new URLSearchParams(/\?([^>]*)>/.exec(link)?.[1]).get("since")).toBe(since);
  });

  test("a tenant's token may have three searches in progress, whatever others do", async () => {
    const search = Promise.withResolvers<void>();
    world.logs.searching = search.promise;
    const [token, other] = [world.token("alice"), world.token("bob")];
    const asked = [1, 2, 3].map(() => world.askOutside("/api/logs", { token }));
    await until("the searches are in progress", () => world.logs.queries.length === 3);
    const refused = await world.askOutside("/api/logs", { token });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("1");
    expect((await world.askOutside("/api/logs/stream?limit=1", { token })).status).toBe(429);
    const others = [world.askOutside("/api/logs", { token: other }), world.ask("/api/logs")];
    search.resolve();
    for (const response of await Promise.all([...asked, ...others])) {
      expect(response.status).toBe(200);
      await response.text();
    }
    expect((await world.askOutside("/api/logs", { token })).status).toBe(200);
  });

  const askAndLeave = (token: string) => {
    const leave = new AbortController();
    const headers = { Authorization: `Bearer ${token}` };
    const init = { headers, unix: world.server.innerSocket, signal: leave.signal };
    const asked = fetch("http://localhost/api/logs?limit=9000", init);
    return { asked, leave };
  };

  const untilLetIn = (token: string) =>
    until("another search is let in", async () => {
      const response = await world.askOutside("/api/logs?limit=1", { token });
      await response.text();
      return response.status === 200;
    });

  test("a search ends when its caller leaves during it", async () => {
    const token = world.token("alice");
    for (let round = 1; round <= 4; round += 1) {
      const search = Promise.withResolvers<void>();
      world.logs.searching = search.promise;
      world.logs.queries.length = 0;
      const { asked, leave } = askAndLeave(token);
      await until("the search is in progress", () => world.logs.queries.length === 1);
      leave.abort();
      await expect(asked).rejects.toThrow();
      search.resolve();
      await untilLetIn(token);
    }
  });

  test("a search ends when its caller leaves before the end of the answer", async () => {
    const token = world.token("alice");
    const long = lineOf("notes:alice", "x".repeat(999));
    world.logs.write(...Array.from({ length: 9000 }, () => long));
    for (let round = 1; round <= 4; round += 1) {
      const { asked, leave } = askAndLeave(token);
      expect((await asked).status).toBe(200);
      leave.abort();
      await untilLetIn(token);
    }
  });

  test.each([
    ["90s", 90_000],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["7d", 604_800_000],
  ])("since=%s is so long ago", async (since, agoMs) => {
    const clock = new FakeClock();
    await using still = await ControlWorld.open(clock);
    await still.ask(`/api/logs?since=${since}`);
    expect(still.logs.queries[0]?.filter.since).toBe(clock.wall() - agoMs);
  });

  test("a tenant reads its own lines only", async () => {
    world.logs.write(lineOf("notes:alice", "mine"), lineOf("notes:bob", "not mine"));
    const token = world.token("alice");
    for (const query of ["", "?id=alice", "?process=notes"]) {
      const response = await world.askOutside(`/api/logs${query}`, { token });
      expect(await messagesOf(response)).toEqual(["mine"]);
    }
    for (const path of ["/api/logs?id=bob", "/api/logs/stream?id=bob"]) {
      const response = await world.askOutside(path, { token });
      expect(response.status).toBe(403);
      expect(await response.text()).not.toContain("bob");
    }
  });
});

describe("following", () => {
  test("sends new lines, and stops when the reader leaves", async () => {
    const leave = new AbortController();
    const reading = take(2, world.client().followLogs({ process: "notes" }, leave.signal), leave);
    await world.logs.followed;
    world.logs.write(lineOf("notes:alice", "one\nwith a break"), lineOf("wiki:alice", "other"));
    world.logs.write(lineOf("notes:bob", "two"));
    expect(await reading).toEqual(["one\nwith a break", "two"]);
    await until("the server has noticed", () => world.logs.followers.size === 0);
  });

  test("sends older lines first, each line once, and loses none in between", async () => {
    const search = Promise.withResolvers<void>();
    world.logs.searching = search.promise;
    const at = systemClock.wall() + 1000;
    world.logs.write(lineOf("notes:alice", "too old"), lineOf("notes:alice", "old"));
    const leave = new AbortController();
    const query = { limit: "3" };
    const reading = take(6, world.client().followLogs(query, leave.signal), leave);
    await until("the search is under way", () => world.logs.queries.length === 1);
    world.logs.write(lineOf("notes:alice", "early", { at }));
    search.resolve();
    world.logs.write(lineOf("notes:alice", "late", { at }), lineOf("notes:alice", "late", { at }));
    world.logs.write(lineOf("notes:alice", "end", { at }));
    expect(await reading).toEqual(["too old", "old", "early", "late", "late", "end"]);
  });

  test("holds the newest lines of a flood during the search, as many as it can send at once", async () => {
    const search = Promise.withResolvers<void>();
    world.logs.searching = search.promise;
    const at = systemClock.wall() + 1000;
    const leave = new AbortController();
    const reading = take(32, world.client().followLogs({ limit: "3" }, leave.signal), leave);
    await until("the search is under way", () => world.logs.queries.length === 1);
    for (let index = 0; index < 200; index += 1) {
      world.logs.write(lineOf("notes:alice", String(index).padEnd(16 * 1024), { at }));
    }
    search.resolve();
    const newest = Array.from({ length: 32 }, (_, index) => String(168 + index));
    expect((await reading).map((message) => message.trim())).toEqual(newest);
  });

  test("a line of both the search and the follower is sent once", async () => {
    const at = systemClock.wall() + 60_000;
    const both = lineOf("notes:alice", "both", { at });
    world.logs.query = async () => {
      for (const { onLines } of world.logs.followers) onLines([both]);
      return { lines: [lineOf("notes:alice", "old"), both], older: null };
    };
    const leave = new AbortController();
    const reading = take(3, world.client().followLogs({ limit: "9" }, leave.signal), leave);
    await world.logs.followed;
    world.logs.write(lineOf("notes:alice", "new", { at }));
    expect(await reading).toEqual(["old", "both", "new"]);
  });

  test("a tenant follows its own lines only", async () => {
    const response = await world.askOutside("/api/logs/stream", { token: world.token("alice") });
    expect([...world.logs.followers].map(({ filter }) => filter)).toEqual([{ id: "alice" }]);
    await response.body?.cancel();
  });

  test("ends when its token is revoked; others continue", async () => {
    const token = world.token(null);
    const revoked = await world.askOutside("/api/logs/stream", { token });
    const kept = await world.ask("/api/logs/stream");
    await world.client().call("revokeToken", { params: { token: "1" } });
    expect(await revoked.text()).toContain(": open");
    expect(world.logs.followers.size).toBe(1);
    await kept.body?.cancel();
  });

  test("a client learns that the server is gone", async () => {
    const events = world.client().followLogs({}, new AbortController().signal);
    const next = events.next();
    await world.logs.followed;
    await world.close();
    await expect(next).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
  });
});
