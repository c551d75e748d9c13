import { describe, expect, test } from "bun:test";
import {
  decideFullness,
  describeFullness,
  type Fullness,
  nextLookMs,
  renderUse,
} from "../../../src/storage/quota.ts";

const use = (usedBytes: number) => ({ usedBytes, quotaBytes: 100, isWhole: true });

const WARN = { storageEnforce: "warn" } as const;
const HARD = { storageEnforce: "hard" } as const;

describe("fullness", () => {
  test("of a file system is reached a little earlier, since it reserves some blocks", () => {
    expect(decideFullness("near", { use: use(97), service: HARD })).toBe("near");
    expect(decideFullness("near", { use: use(98), service: HARD })).toBe("full");
    expect(decideFullness("full", { use: use(94), service: HARD })).toBe("full");
    expect(decideFullness("full", { use: use(92), service: HARD })).toBe("near");
    expect(describeFullness("full", { use: use(98), service: HARD })).toStartWith(
      "storage is full",
    );
  });

  test("rises at 80 % and at 100 % of the quota, and falls only 5 % below", () => {
    const sizes = [0, 79, 80, 99, 76, 75, 74, 79, 80, 100, 96, 95, 94, 80, 120, 10];
    let fullness: Fullness = "roomy";
    const seen = sizes.map((size) => {
      fullness = decideFullness(fullness, { use: use(size), service: WARN });
      return fullness;
    });
    expect(seen).toEqual([
      ...["roomy", "roomy", "near", "near", "near", "near", "roomy", "roomy"],
      ...["near", "full", "full", "full", "near", "near", "full", "roomy"],
    ] as Fullness[]);
  });

  test("is described with the share that is used", () => {
    const mib = 1024 ** 2;
    const half = { usedBytes: 83.06 * mib, quotaBytes: 100 * mib, isWhole: true };
    expect(renderUse(half)).toBe("83.1 of 100.0 MiB (83 %)");
    expect(renderUse({ ...half, usedBytes: 99.99 * mib })).toContain("(99 %)");
    const service = WARN;
    expect(describeFullness("roomy", { use: half, service })).toBeNull();
    const part = { ...half, isWhole: false };
    expect(renderUse(part)).toBe("at least 83.1 of 100.0 MiB (83 %)");
    expect(describeFullness("roomy", { use: part, service })).toBe(
      "storage can't be measured as a whole: at least 83.1 of 100.0 MiB (83 %)",
    );
    expect(describeFullness("near", { use: half, service })).toStartWith("storage fills up: ");
    expect(describeFullness("full", { use: half, service })).toContain("over its quota");
  });
});

describe("the next look", () => {
  test("waits longer while the size stays as it was, up to a minute", () => {
    let last = { usedBytes: 5, delayMs: nextLookMs(null, { usedBytes: 5, tookMs: 1 }) };
    const delays = [0, 0, 0].map(() => {
      last = { usedBytes: 5, delayMs: nextLookMs(last, { usedBytes: 5, tookMs: 1 }) };
      return last.delayMs;
    });
    expect(delays).toEqual([30_000, 60_000, 60_000]);
    expect(nextLookMs(last, { usedBytes: 6, tookMs: 1 })).toBe(15_000);
  });

  test("waits twenty times as long as the last one took", () => {
    expect(nextLookMs(null, { usedBytes: 5, tookMs: 10_000 })).toBe(200_000);
  });
});
