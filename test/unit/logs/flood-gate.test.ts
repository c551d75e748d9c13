import { expect, test } from "bun:test";
import { FloodGate } from "../../../src/logs/flood-gate.ts";

const MIB = 1024 * 1024;
const ALICE = { service: "notes", id: "alice" };
const BOB = { service: "notes", id: "bob" };

function admitted(gate: FloodGate, { now, mebibytes }: { now: number; mebibytes: number }): number {
  const chunks = Array.from({ length: mebibytes }, () => gate.admits(ALICE, { bytes: MIB, now }));
  return chunks.filter((chunk) => chunk).length;
}

test("admits a burst, then the steady rate, and a full burst again after a pause", () => {
  const gate = new FloodGate();
  expect(admitted(gate, { now: 0, mebibytes: 100 })).toBe(32);
  expect(admitted(gate, { now: 999, mebibytes: 100 })).toBe(1);
  expect(admitted(gate, { now: 5000, mebibytes: 100 })).toBe(9);
  expect(admitted(gate, { now: 60_000, mebibytes: 100 })).toBe(32);
});

test("limits each instance separately", () => {
  const gate = new FloodGate();
  admitted(gate, { now: 0, mebibytes: 100 });
  expect(gate.admits(ALICE, { bytes: MIB, now: 0 })).toBe(false);
  expect(gate.admits(BOB, { bytes: MIB, now: 0 })).toBe(true);
});

test("a sweep removes only instances whose bucket is full again", () => {
  const gate = new FloodGate();
  admitted(gate, { now: 0, mebibytes: 100 });
  gate.sweep(15_000);
  expect(admitted(gate, { now: 15_000, mebibytes: 100 })).toBe(30);
  gate.sweep(40_000);
  expect(admitted(gate, { now: 40_000, mebibytes: 100 })).toBe(32);
});
