import { expect, test } from "bun:test";
import { fstatSync, openSync } from "node:fs";
import { Channel, openSocketPair } from "../../../../src/server/handover/channel.ts";

const none = () => undefined;

async function openBoth<Message>(onMessage: (message: Message) => void) {
  const { own, other } = openSocketPair();
  const far = await Channel.open<Message, Message>(other, onMessage);
  const near = await Channel.open<Message, Message>(own, none);
  return { near, far };
}

test("delivers messages in order and complete, also one larger than all buffers", async () => {
  const heard: string[] = [];
  const arrived = Promise.withResolvers<void>();
  const { near, far } = await openBoth<string>((message) => {
    heard.push(message);
    if (message === "last") arrived.resolve();
  });
  const long = "ü\n".repeat(2_000_000);
  const sent = Promise.all(["first", long, "last"].map((message) => near.send(message)));
  await arrived.promise;
  await sent;
  expect(heard.map(({ length }) => length)).toEqual([5, long.length, 4]);
  expect(heard[1] === long).toBe(true);
  far.close();
});

test("a channel that can't be opened closes its descriptor", async () => {
  const fd = openSync("/dev/null", "r");
  await expect(Channel.open(fd, none)).rejects.toThrow();
  expect(() => fstatSync(fd)).toThrow("EBADF");
});

test("ends on both sides when one side closes, and then discards messages without an error", async () => {
  const { near, far } = await openBoth<string>(none);
  near.close();
  await Promise.all([near.ended, far.ended]);
  await far.send("too late");
});
