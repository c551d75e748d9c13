import { expect, test } from "bun:test";
import { readEvents } from "../../../../src/control/client/event-reader.ts";

function bodyOf(...chunks: readonly (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  const left = chunks.map((chunk) => Buffer.from(chunk));
  return new ReadableStream({
    pull(controller) {
      const chunk = left.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}

const read = (...chunks: readonly (string | Uint8Array)[]) =>
  Array.fromAsync(readEvents(bodyOf(...chunks)), ({ event, data }) => ({ event, data }));

test("yields events with their types; comments and unknown fields are ignored", async () => {
  expect(
    await read(": open\n\ndata: a\n\n: alive\n\nevent: dropped\ncolour: red\ndata: b\ndata: c\n\n"),
  ).toEqual([
    { event: undefined, data: "a" },
    { event: "dropped", data: "b\nc" },
  ]);
});

test("an event may be cut anywhere, also within a character", async () => {
  const bytes = Buffer.from("data: ü\r\n\r\ndata: b\n\n");
  for (let at = 0; at <= bytes.length; at++) {
    const events = await read(bytes.subarray(0, at), bytes.subarray(at));
    expect(events.map(({ data }) => data)).toEqual(["ü", "b"]);
  }
});

test("an event that the body leaves incomplete is not yielded", async () => {
  expect(await read("data: a\n\ndata: b\n")).toEqual([{ event: undefined, data: "a" }]);
});

test.each([
  ["a line", "x".repeat(1024 * 1024)],
  ["an event", `x\ndata: ${"x".repeat(1024 * 1024)}\ndata: `],
])("%s without an end is refused", async (_, piece) => {
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(Buffer.from(sent === 0 ? "data: " : piece));
      sent += 1;
    },
  });
  await expect(Array.fromAsync(readEvents(endless))).rejects.toMatchObject({
    code: "FAILED",
    message: expect.stringContaining("an event is longer than"),
  });
  expect(sent).toBeLessThan(20);
});

test("leaving early cancels the body", async () => {
  const cancelled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.from("data: a\n\n")),
    cancel: () => cancelled.resolve(),
  });
  for await (const { data } of readEvents(body)) {
    expect(data).toBe("a");
    break;
  }
  await cancelled.promise;
});
