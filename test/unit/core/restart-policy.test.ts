import { expect, test } from "bun:test";
import { decideRetry } from "../../../src/core/restart-policy.ts";
import { serviceWith } from "../../support/service.ts";

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
