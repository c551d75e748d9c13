import { expect, test } from "bun:test";
import { examineClock } from "../../../src/doctor/clock.ts";
import { isClockSynchronised } from "../../../src/platform/kernel/time-sync.ts";
import { FakeHost } from "./fake-host.ts";

const HOST = new FakeHost({});
const NOW = Date.UTC(2026, 0, 31);

test.each([
  [true, "ok", "synchronised"],
  [null, "ok", "set"],
  [false, "warning", "not synchronised"],
] as const)("reports a clock whose synchronisation is %p", (isSynchronised, state, found) => {
  expect(examineClock(HOST, { now: NOW, isSynchronised })).toMatchObject([{ state, found }]);
});

test("warns about a clock that was never set, also when it is synchronised", () => {
  const now = Date.UTC(1970, 0, 1);
  expect(examineClock(HOST, { now, isSynchronised: true })).toMatchObject([
    { state: "warning", found: "it says 1970-01-01" },
  ]);
});

test.skipIf(process.platform !== "linux")("asks Linux without changing the clock", () => {
  expect(isClockSynchronised()).toBeBoolean();
});
