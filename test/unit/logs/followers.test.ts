import { expect, test } from "bun:test";
import { Followers } from "../../../src/logs/followers.ts";
import type { LogLine } from "../../../src/logs/line.ts";

const line = (text: string, rest: Partial<LogLine> = {}): LogLine => ({
  at: 1000,
  ref: { service: "notes", id: "alice" },
  stream: "stdout",
  text,
  ...rest,
});

function world() {
  const time = { now: 0 };
  const followers = new Followers(() => time.now);
  const deliver = () => {
    const delivered = new Map<number, string[]>();
    followers.deliver((id, lines) =>
      delivered.set(
        id,
        lines.map(({ text }) => text),
      ),
    );
    return delivered;
  };
  return { time, followers, deliver };
}

test("sends each follower the lines that its filter selects, once", () => {
  const { followers, deliver } = world();
  followers.add(1, {});
  followers.add(2, {
    service: "notes",
    id: "alice",
    stream: "stdout",
    search: "fish",
    since: 1000,
  });
  followers.offer([
    line("a fish"),
    line("a whale"),
    line("bob's fish", { ref: { service: "notes", id: "bob" } }),
    line("shop's fish", { ref: { service: "shop", id: "alice" } }),
    line("error fish", { stream: "stderr" }),
    line("old fish", { at: 999 }),
  ]);
  const delivered = deliver();
  expect(delivered.get(1)).toHaveLength(6);
  expect(delivered.get(2)).toEqual(["a fish"]);
  expect(deliver().size).toBe(0);
  followers.remove(2);
  followers.offer([line("another fish")]);
  expect([...deliver().keys()]).toEqual([1]);
});

test("sends a follower of a flood part of its lines and the number of the rest", () => {
  const { time, followers, deliver } = world();
  followers.add(1, {});
  followers.offer(Array.from({ length: 5200 }, (_, index) => line(`n ${index}`)));
  expect(deliver().get(1)).toHaveLength(5000);
  expect(followers.hasUnreported).toBe(true);
  followers.offer([line("lost too")]);
  expect(deliver().size).toBe(0);
  time.now = 1000;
  expect(deliver().get(1)).toEqual(["skipped 201 lines here"]);
  expect(followers.hasUnreported).toBe(false);
  followers.offer([line("back")]);
  expect(deliver().get(1)).toEqual(["back"]);
});
