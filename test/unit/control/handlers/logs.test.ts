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

  test("a line of both the search and the follower is sent once", async () => {
    const at = systemClock.wall() + 60_000;
    const both = lineOf("notes:alice", "both", { at });
    world.logs.query = async () => {
      for (const { onLines } of world.logs.followers) onLines([both]);
      return [lineOf("notes:alice", "old"), both];
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
