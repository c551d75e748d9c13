import { expect, test } from "bun:test";
import { followLines } from "../../../../src/control/client/log-follower.ts";
import type { LogAnswer, LogQueryFields } from "../../../../src/control/wire/logs.ts";
import { TenError } from "../../../../src/core/errors.ts";

const line = (second: number, message: string): LogAnswer => ({
  timestamp: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  level: "stdout",
  process: "notes",
  instance_id: "alice",
  message,
});

/** Streams that each end after their lines; then there is no server. */
async function followAll(...streams: readonly (readonly LogAnswer[])[]) {
  const queries: LogQueryFields[] = [];
  const read: string[] = [];
  const open = async (query: LogQueryFields) => {
    const lines = streams[queries.length];
    queries.push(query);
    if (lines === undefined) throw new TenError("SERVER_UNREACHABLE", "Cannot reach the server");
    return new Response(lines.map((each) => `data: ${JSON.stringify(each)}\n\n`).join(""));
  };
  const query = { process: "notes", limit: "5" };
  const { signal } = new AbortController();
  const pauses: number[] = [];
  const pause = async () => {
    pauses.push(queries.length);
  };
  const following = async () => {
    for await (const event of followLines({ open, query, signal, pause })) {
      if (event.kind === "line") read.push(event.line.message);
    }
  };
  await expect(following()).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
  return { pauses, queries, read };
}

test("lines of the last moment that come again are left out, as often as they were read", async () => {
  const { queries, read } = await followAll(
    [line(1, "a"), line(2, "b"), line(2, "b")],
    [line(2, "b"), line(2, "b"), line(2, "b"), line(3, "c")],
    [line(3, "c"), line(4, "d")],
  );
  expect(read).toEqual(["a", "b", "b", "b", "c", "d"]);
  expect(queries.map(({ since, limit }) => [since, limit])).toEqual([
    [undefined, "5"],
    [line(2, "").timestamp, "10000"],
    [line(3, "").timestamp, "10000"],
    [line(4, "").timestamp, "10000"],
  ]);
});

test("a stream that is cut is continued by another, as one that ends", async () => {
  const { signal } = new AbortController();
  const pieces = [Buffer.from(`data: ${JSON.stringify(line(1, "a"))}\n\n`)];
  const cut = new ReadableStream(
    {
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.error(new Error("cut"));
        else controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  const answers = [new Response(cut), new Response(`data: ${JSON.stringify(line(2, "b"))}\n\n`)];
  const open = async () => answers.shift() ?? Promise.reject(new Error("no server"));
  const read: string[] = [];
  const following = async () => {
    for await (const event of followLines({ open, query: {}, signal })) {
      if (event.kind === "line") read.push(event.line.message);
    }
  };
  await expect(following()).rejects.toThrow("no server");
  expect(read).toEqual(["a", "b"]);
});

test("a stream without lines is continued by one with new lines only", async () => {
  const { queries, read } = await followAll([], [line(1, "a")]);
  expect(read).toEqual(["a"]);
  expect(queries[1]).toEqual({ process: "notes", limit: undefined });
});

test("a pause follows each stream that brought no new line, so that a proxy that cuts is not flooded", async () => {
  const { pauses } = await followAll([line(1, "a")], [line(1, "a")], [], [line(2, "b")]);
  expect(pauses).toEqual([2, 3]);
});

test("an answer that is no stream of events is an error, not a reason to try again", async () => {
  const { signal } = new AbortController();
  let opened = 0;
  const open = async () => {
    opened += 1;
    return new Response(`data: ${"x".repeat(9 * 1024 * 1024)}`);
  };
  const following = Array.fromAsync(followLines({ open, query: {}, signal }));
  await expect(following).rejects.toMatchObject({ code: "FAILED" });
  expect(opened).toBe(1);
});
