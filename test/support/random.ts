// Random numbers from a printed seed, so that a failure can be reproduced: TEN_TEST_SEED=… bun test.

export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** An integer of at least 0, below `below`. */
  below(below: number): number;
  pick<Item>(items: readonly Item[]): Item;
}

/** Makes a generator and prints its seed. */
export function seededRandom(name: string): Random {
  const seed = Number(process.env["TEN_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`${name}: TEN_TEST_SEED=${seed}`);
  return randomFrom(seed);
}

/** The mulberry32 generator. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    next,
    below,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("Nothing to pick from");
      return item;
    },
  };
}
