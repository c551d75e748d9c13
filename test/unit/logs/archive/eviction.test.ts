import { expect, test } from "bun:test";
import { planEviction } from "../../../../src/logs/archive/eviction.ts";

/** Oldest first: for each segment the bytes by owner, of one source each, whose number is the owner's letter. */
function plan(
  segments: readonly Readonly<Record<string, number>>[],
  surplus: number,
): string | null {
  const held = segments.map((owners, index) => ({
    segment: index,
    sources: new Map(Object.entries(owners).map(([owner, bytes]) => [owner.charCodeAt(0), bytes])),
  }));
  const eviction = planEviction(held, {
    surplus,
    ownerOf: (source) => (source === "x".charCodeAt(0) ? null : String.fromCharCode(source)),
  });
  if (eviction === null) return null;
  const owners = [...eviction.sources].map((source) => String.fromCharCode(source));
  return `${eviction.segment}: ${owners.join(" ")}`;
}

test("the lines of the instance that holds most go, oldest first", () => {
  const loud = { a: 90, b: 10 };
  expect(plan([loud, loud, loud], 90)).toBe("0: a");
});

test("a quiet instance's segment is passed over", () => {
  expect(plan([{ b: 10 }, { a: 90, b: 10 }, { a: 100 }], 90)).toBe("1: a");
});

test("of equals each loses its oldest lines", () => {
  const equal = { a: 50, b: 50 };
  expect(plan([equal, equal, equal], 100)).toBe("0: a b");
});

test("an instance that holds little more than others loses none before those that hold much", () => {
  const segments = [
    { a: 40, b: 30, c: 5 },
    { a: 40, b: 30, c: 5 },
  ];
  expect(plan(segments, 20)).toBe("0: a");
});

test("where no segment is mostly the loud one's, the segment is cleared of which most goes", () => {
  const segments = [
    { a: 10, b: 20, c: 20, d: 20 },
    { a: 30, b: 15, c: 15, d: 15 },
    { a: 30, b: 15, c: 15, d: 15 },
  ];
  expect(plan(segments, 20)).toBe("1: a");
});

test("where little of every segment would go, the oldest goes as a whole", () => {
  const segments = [
    { a: 50, b: 50 },
    { c: 50, d: 50 },
    { e: 50, f: 50 },
  ];
  expect(plan(segments, 30)).toBe("0: a b");
});

test("forgotten lines go in any case", () => {
  expect(plan([{ x: 90, b: 10 }, { a: 100 }], 10)).toBe("0: x");
});

test("a segment whose lines were never counted goes as a whole", () => {
  expect(plan([{}, { a: 100 }], 10)).toBe("0: ");
});

test("without segments there is nothing to evict", () => {
  expect(plan([], 10)).toBeNull();
});
