import { expect, test } from "bun:test";
import {
  decideRetry,
  describeExit,
  restartsAfter,
} from "../../../../src/core/life/restart-policy.ts";
import { serviceWith } from "../../../support/service.ts";

const settings = { ...serviceWith().restart, max: 100 };

test("each crash within the window doubles the delay, up to the maximum", () => {
  const delays: number[] = [];
  let crashes: readonly number[] = [];
  for (let i = 0; i < 9; i++) {
    const retry = decideRetry(settings, { crashes, now: 1000, random: 0 });
    if (retry.kind === "retry") delays.push((retry.at - 1000) / 1000);
    crashes = retry.crashes;
  }
  expect(delays).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test("without a base delay a crashed process restarts at once", () => {
  const retry = decideRetry(
    { ...settings, backoffBaseMs: 0 },
    { crashes: [1, 2], now: 3, random: 1 },
  );
  expect(retry).toMatchObject({ kind: "retry", at: 3 });
});

test("jitter adds at most a tenth", () => {
  const retry = decideRetry(settings, { crashes: [], now: 0, random: 0.999 });
  expect(retry).toMatchObject({ kind: "retry", at: expect.closeTo(1099.9) });
});

test("one more than the allowed restarts within the window gives up", () => {
  const three = { ...settings, max: 3 };
  expect(decideRetry(three, { crashes: [1, 2], now: 3, random: 0 }).kind).toBe("retry");
  expect(decideRetry(three, { crashes: [1, 2, 3], now: 4, random: 0 }).kind).toBe("giveUp");
  const late = 2 + three.windowMs;
  expect(decideRetry(three, { crashes: [1, 2, 3], now: late, random: 0 }).crashes).toEqual([
    3,
    late,
  ]);
});

test("a kill for lack of memory is described with the limit, and counts as a failure", () => {
  const exit = { kind: "outOfMemory", limitBytes: 256 * 1024 ** 2 } as const;
  expect(describeExit(exit)).toBe("was killed: out of memory (limit 256 MB)");
  expect(describeExit({ ...exit, limitBytes: null })).toBe(
    "was killed: out of memory (the host had none left)",
  );
  expect(restartsAfter("on-failure", exit)).toBe(true);
  expect(restartsAfter("never", exit)).toBe(false);
});
