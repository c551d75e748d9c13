// Decides whose lines make room in the archive: those of the instances that hold most, the oldest first.

/** The bytes that each source has in a segment. */
export interface SegmentHoldings {
  readonly segment: number;
  readonly sources: ReadonlyMap<number, number>;
}

/** The segment to clear, and the sources whose lines are removed with it; the lines of the others are kept. */
export interface Eviction {
  readonly segment: number;
  readonly sources: ReadonlySet<number>;
}

export interface EvictionOrder {
  /** The bytes to remove. */
  readonly surplus: number;
  /** The instance of a source; null: a forgotten one, whose lines are not wanted at all. */
  readonly ownerOf: (source: number) => string | null;
}

/** Clearing a segment frees at least that part of it, if there is one of which it does. */
const WORTHWHILE = 0.5;

/** Where less of every segment goes, moving the rest would free too little: the oldest segment goes as a whole. */
const PART_MIN = 0.1;

/** @param segments oldest first. Null: there is none. */
export function planEviction(
  segments: readonly SegmentHoldings[],
  order: EvictionOrder,
): Eviction | null {
  const excess = excessOf(totalsOf(segments, order), order.surplus);
  const choices = segments.map((each) => choose(each, { excess, order }));
  const best = choices.toSorted((one, other) => other.part - one.part)[0];
  const chosen = choices.find(({ part }) => part >= WORTHWHILE) ?? best ?? null;
  const [oldest] = segments;
  if (chosen === null || oldest === undefined || chosen.part >= PART_MIN) return chosen;
  return { segment: oldest.segment, sources: new Set(oldest.sources.keys()) };
}

interface Choice extends Eviction {
  /** Of the segment's bytes. */
  readonly part: number;
}

/** Of an owner all lines in the segment are removed or none, whichever is nearer to its excess. */
function choose(
  { segment, sources }: SegmentHoldings,
  { excess, order }: { excess: ReadonlyMap<string, number>; order: EvictionOrder },
): Choice {
  const held = totalsOf([{ segment, sources }], order);
  const goes = (source: number) => {
    const owner = order.ownerOf(source);
    return owner === null || (excess.get(owner) ?? 0) >= (held.get(owner) ?? 0) / 2;
  };
  const evicted = new Map([...sources].filter(([source]) => goes(source)));
  // A segment without lines, or with lines that nobody counted, goes as a whole.
  const part = sources.size === 0 ? 1 : sumOf(evicted) / sumOf(sources);
  return { segment, sources: new Set(evicted.keys()), part };
}

function totalsOf(
  segments: readonly SegmentHoldings[],
  { ownerOf }: EvictionOrder,
): Map<string, number> {
  const totals = new Map<string, number>();
  for (const { sources } of segments) {
    for (const [source, bytes] of sources) {
      const owner = ownerOf(source);
      if (owner !== null) totals.set(owner, (totals.get(owner) ?? 0) + bytes);
    }
  }
  return totals;
}

/** The bytes of each owner above a level that all have at most, such that they add up to the surplus. */
function excessOf(totals: ReadonlyMap<string, number>, surplus: number): Map<string, number> {
  const descending = [...totals.values()].sort((a, b) => b - a);
  let sum = 0;
  let level = 0;
  for (const [index, total] of descending.entries()) {
    sum += total;
    level = (sum - surplus) / (index + 1);
    if (level >= (descending[index + 1] ?? 0)) break;
  }
  const above = ([owner, total]: [string, number]) => [owner, Math.max(0, total - level)] as const;
  return new Map([...totals].filter(([, total]) => total > level).map(above));
}

/** The bytes of all sources. */
export function sumOf(held: ReadonlyMap<number, number>): number {
  return [...held.values()].reduce((sum, bytes) => sum + bytes, 0);
}
