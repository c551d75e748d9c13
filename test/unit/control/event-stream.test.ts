import { expect, test } from "bun:test";
import { type EventSink, EventStreams } from "../../../src/control/event-stream.ts";
import type { Caller } from "../../../src/core/access.ts";
import { FakeClock } from "../../support/fake-clock.ts";

interface Opened {
  readonly sink: EventSink;
  /** The next piece of text; null at the end. */
  read(): Promise<string | null>;
  leave(): Promise<void>;
  /** Number of times that the source was stopped. */
  stops(): number;
}

const adminOf = (name: string): Caller => ({ kind: "admin", name });
const tenantOf = (name: string): Caller => ({ kind: "tenant", name, id: "alice" });

function open(streams: EventStreams, caller = adminOf("socket")): Opened {
  let sink: EventSink | null = null;
  let stops = 0;
  const { body } = streams.answer(caller, (given) => {
    sink = given;
    return () => {
      stops += 1;
    };
  });
  if (body === null || sink === null) throw new Error("The stream did not open");
  const reader = body.getReader();
  return {
    sink,
    async read() {
      const { value } = await reader.read();
      return value === undefined ? null : new TextDecoder().decode(value);
    },
    leave: () => reader.cancel(),
    stops: () => stops,
  };
}

test("opens with a comment, sends each event as one line of JSON, and a heartbeat every 15 s", async () => {
  const clock = new FakeClock();
  const stream = open(new EventStreams(clock));
  expect(await stream.read()).toBe(": open\n\n");
  stream.sink.send({ text: "a\nb" });
  expect(await stream.read()).toBe('data: {"text":"a\\nb"}\n\n');
  await clock.advance(15_000);
  expect(await stream.read()).toBe(": alive\n\n");
  await clock.advance(15_000);
  expect(await stream.read()).toBe(": alive\n\n");
});

test("events beyond a slow reader's buffer are dropped, counted and reported", async () => {
  const stream = open(new EventStreams(new FakeClock()));
  const event = "x".repeat(100 * 1024);
  for (let count = 0; count < 20; count++) stream.sink.send(event);
  expect(await stream.read()).toBe(": open\n\n");
  for (let count = 0; count < 11; count++) expect(await stream.read()).toContain("xxx");
  stream.sink.send("next");
  expect(await stream.read()).toBe('event: dropped\ndata: {"count":9}\n\n');
  expect(await stream.read()).toBe('data: "next"\n\n');
});

test("an outcome is sent beyond the buffer, after the count of dropped events", async () => {
  const stream = open(new EventStreams(new FakeClock()));
  for (const _ of [1, 2, 3]) stream.sink.send("x".repeat(1024 * 1024));
  stream.sink.sendOutcome("done");
  stream.sink.end();
  await stream.read();
  expect(await stream.read()).toContain("xxx");
  expect(await stream.read()).toBe('event: dropped\ndata: {"count":2}\n\n');
  expect(await stream.read()).toBe('data: "done"\n\n');
  expect(await stream.read()).toBeNull();
});

test("a heartbeat reports the count when nothing else is sent", async () => {
  const clock = new FakeClock();
  const stream = open(new EventStreams(clock));
  for (const _ of [1, 2]) stream.sink.send("x".repeat(1024 * 1024));
  await stream.read();
  await stream.read();
  await clock.advance(15_000);
  expect(await stream.read()).toBe('event: dropped\ndata: {"count":1}\n\n');
});

test("a reader that leaves stops the source once, and later events are discarded", async () => {
  const clock = new FakeClock();
  const streams = new EventStreams(clock);
  const stream = open(streams);
  await stream.leave();
  stream.sink.send("late");
  await clock.advance(60_000);
  streams.endAll();
  expect(stream.stops()).toBe(1);
});

test("ends the streams of one owner, or all", async () => {
  const streams = new EventStreams(new FakeClock());
  const [mine, other] = [open(streams, adminOf("token 1")), open(streams, tenantOf("token 2"))];
  streams.endOf("token 1");
  expect([mine.stops(), other.stops()]).toEqual([1, 0]);
  streams.endAll();
  expect([mine.stops(), other.stops()]).toEqual([1, 1]);
  expect(await other.read()).toBe(": open\n\n");
  expect(await other.read()).toBeNull();
});

test("more than 200 at once are refused, until one ends", () => {
  const streams = new EventStreams(new FakeClock());
  for (let count = 0; count < 200; count++) open(streams, adminOf(`token ${count}`));
  expect(() => open(streams)).toThrow("200 are open");
  streams.endOf("token 7");
  open(streams);
});

test("a tenant's token may have eight at once, whatever others have", () => {
  const streams = new EventStreams(new FakeClock());
  const last = Array.from({ length: 8 }, () => open(streams, tenantOf("token 1"))).at(-1);
  expect(() => open(streams, tenantOf("token 1"))).toThrow("8 of this caller are open");
  open(streams, tenantOf("token 2"));
  open(streams);
  last?.leave();
  open(streams, tenantOf("token 1"));
});

test("tenants together leave a quarter to administrators", () => {
  const streams = new EventStreams(new FakeClock());
  for (let count = 0; count < 150; count++) open(streams, tenantOf(`token ${count}`));
  expect(() => open(streams, tenantOf("token 150"))).toThrow("150 of tenants are open");
  for (let count = 0; count < 50; count++) open(streams);
  expect(() => open(streams)).toThrow("200 are open");
});

test("one administrator's token leaves half to others", () => {
  const streams = new EventStreams(new FakeClock());
  for (let count = 0; count < 100; count++) open(streams, adminOf("token 1"));
  expect(() => open(streams, adminOf("token 1"))).toThrow("100 of this caller are open");
  open(streams);
});
