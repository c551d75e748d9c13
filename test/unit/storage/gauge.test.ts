import { expect, test } from "bun:test";
import type { InstanceRef } from "../../../src/core/ref.ts";
import type { TreeSize } from "../../../src/platform/process/trees.ts";
import { StorageGauge } from "../../../src/storage/gauge.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

const ALICE = { service: "notes", id: "alice" };
const BOB = { service: "notes", id: "bob" };

const up = () => false;
const resting = () => true;

/** Measurements that the test completes. */
function gauge() {
  const clock = new FakeClock();
  const waiting: { readonly id: string; readonly end: (bytes: number) => void }[] = [];
  const measure = ({ id }: InstanceRef) =>
    new Promise<TreeSize>((resolve) =>
      waiting.push({ id, end: (bytes) => resolve({ bytes, isWhole: true }) }),
    );
  return { clock, waiting, storage: new StorageGauge({ clock, measure }) };
}

test("concurrent calls for one instance share a measurement", async () => {
  const { waiting, storage } = gauge();
  const both = Promise.all([storage.measure(ALICE), storage.measure(ALICE)]);
  expect(waiting).toHaveLength(1);
  waiting[0]?.end(5);
  expect(await both).toEqual([
    { bytes: 5, isWhole: true },
    { bytes: 5, isWhole: true },
  ]);
  void storage.measure(ALICE);
  expect(waiting).toHaveLength(2);
});

test("a list gets the sizes known in time; the rest is measured one after the other", async () => {
  const { clock, waiting, storage } = gauge();
  const first = storage.estimate([ALICE, BOB], up);
  waiting[0]?.end(5);
  await settle();
  expect(waiting.map(({ id }) => id)).toEqual(["alice", "bob"]);
  await clock.advance(20);
  expect(await first).toEqual(new Map([["notes:alice", 5]]));
  waiting[1]?.end(7);
  await settle();
  expect(await storage.estimate([ALICE, BOB], up)).toEqual(
    new Map([
      ["notes:alice", 5],
      ["notes:bob", 7],
    ]),
  );
  expect(waiting).toHaveLength(2);
});

test("a list leaves out an instance that can't be measured, and goes on with the others", async () => {
  const measure = ({ id }: InstanceRef): Promise<TreeSize> =>
    id === "alice"
      ? Promise.reject(new Error("gone"))
      : Promise.resolve({ bytes: 7, isWhole: true });
  const storage = new StorageGauge({ clock: new FakeClock(), measure });
  expect(await storage.estimate([ALICE, BOB], up)).toEqual(new Map([["notes:bob", 7]]));
  await expect(storage.measure(ALICE)).rejects.toThrow("gone");
});

test("a measurement that ends after its instance was removed leaves nothing behind", async () => {
  const { waiting, storage } = gauge();
  const size = storage.measure(ALICE);
  storage.forget(ALICE);
  waiting[0]?.end(5);
  expect(await size).toEqual({ bytes: 5, isWhole: true });
  expect(storage.known(ALICE)).toBeNull();
});

test("no second sweep starts during one", async () => {
  const { clock, waiting, storage } = gauge();
  const lists = [storage.estimate([ALICE], up), storage.estimate([BOB], up)];
  await clock.advance(20);
  expect(await Promise.all(lists)).toEqual([new Map(), new Map()]);
  expect(waiting).toHaveLength(1);
});

test("a size older than a minute is shown until it has been measured again", async () => {
  const { clock, waiting, storage } = gauge();
  const first = storage.measure(ALICE);
  waiting[0]?.end(5);
  await first;
  await clock.advance(60_001);
  const list = storage.estimate([ALICE], up);
  await clock.advance(20);
  expect(await list).toEqual(new Map([["notes:alice", 5]]));
  expect(waiting).toHaveLength(2);
});

test("the size of an instance at rest is valid for longer, unless it is out of date", async () => {
  const { clock, waiting, storage } = gauge();
  const first = storage.measure(ALICE);
  waiting[0]?.end(5);
  await first;
  await clock.advance(14 * 60_000);
  expect(await storage.estimate([ALICE], resting)).toEqual(new Map([["notes:alice", 5]]));
  expect(waiting).toHaveLength(1);
  storage.expire(ALICE);
  const list = storage.estimate([ALICE], resting);
  expect(waiting).toHaveLength(2);
  waiting[1]?.end(7);
  expect(await list).toEqual(new Map([["notes:alice", 7]]));
});
