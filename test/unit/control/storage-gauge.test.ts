import { expect, test } from "bun:test";
import { StorageGauge } from "../../../src/control/storage-gauge.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

const ALICE = { key: "notes:alice", path: "/a" };
const BOB = { key: "notes:bob", path: "/b" };

/** Measurements that end when the test says so. */
function gauge() {
  const clock = new FakeClock();
  const waiting: { readonly path: string; readonly end: (bytes: number) => void }[] = [];
  const measure = (path: string) =>
    new Promise<number>((resolve) => waiting.push({ path, end: resolve }));
  return { clock, waiting, storage: new StorageGauge({ clock, measure }) };
}

test("those who ask for one directory at the same time share the work", async () => {
  const { waiting, storage } = gauge();
  const both = Promise.all([storage.measure(ALICE), storage.measure(ALICE)]);
  expect(waiting).toHaveLength(1);
  waiting[0]?.end(5);
  expect(await both).toEqual([5, 5]);
  void storage.measure(ALICE);
  expect(waiting).toHaveLength(2);
});

test("a list gets what is known in time; the rest is measured one after the other", async () => {
  const { clock, waiting, storage } = gauge();
  const first = storage.estimate([ALICE, BOB]);
  waiting[0]?.end(5);
  await settle();
  expect(waiting.map(({ path }) => path)).toEqual(["/a", "/b"]);
  await clock.advance(20);
  expect(await first).toEqual(new Map([["notes:alice", 5]]));
  waiting[1]?.end(7);
  await settle();
  expect(await storage.estimate([ALICE, BOB])).toEqual(
    new Map([
      ["notes:alice", 5],
      ["notes:bob", 7],
    ]),
  );
  expect(waiting).toHaveLength(2);
});

test("while one sweep is under way no second one starts", async () => {
  const { clock, waiting, storage } = gauge();
  const lists = [storage.estimate([ALICE]), storage.estimate([BOB])];
  await clock.advance(20);
  expect(await Promise.all(lists)).toEqual([new Map(), new Map()]);
  expect(waiting).toHaveLength(1);
});

test("a size older than a minute is measured again, and shown until that is done", async () => {
  const { clock, waiting, storage } = gauge();
  const first = storage.measure(ALICE);
  waiting[0]?.end(5);
  await first;
  await clock.advance(60_001);
  const list = storage.estimate([ALICE]);
  await clock.advance(20);
  expect(await list).toEqual(new Map([["notes:alice", 5]]));
  expect(waiting).toHaveLength(2);
});
