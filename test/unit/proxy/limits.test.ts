import { expect, test } from "bun:test";
import { limitsOf } from "../../../src/proxy/limits.ts";
import { NO_LIMITS } from "./proxy-world.ts";

const MEMORY = { memoryBytes: 8_000_000 };

test.each([
  [20_000, { reservedFrom: 17_500, connections: 8750, perAddress: 2188, perInstance: 4375 }],
  [1024, { reservedFrom: 896, connections: 448, perAddress: 112, perInstance: 224 }],
  [128, { reservedFrom: 64, connections: 32, perAddress: 8, perInstance: 16 }],
])(
  "limitsOf() keeps a reserve of %d descriptors, and takes two for a connection",
  (descriptors, limits) => {
    expect(limitsOf(NO_LIMITS, { ...MEMORY, descriptors })).toEqual({
      ...limits,
      bufferBytes: 1_000_000,
    });
  },
);

test("limitsOf() takes what the settings say, as far as there are descriptors", () => {
  const settings = { maxConnections: 100, maxConnectionsPerAddress: 90, bufferLimitBytes: 5 };
  const host = { ...MEMORY, descriptors: 1024 };
  expect(limitsOf(settings, host)).toMatchObject({
    connections: 100,
    perAddress: 90,
    bufferBytes: 5,
  });
  expect(limitsOf({ ...settings, maxConnections: 5000 }, host).connections).toBe(448);
});

test("limitsOf() sets no bound where the limit on descriptors is unknown", () => {
  const host = { ...MEMORY, descriptors: Number.POSITIVE_INFINITY };
  expect(limitsOf(NO_LIMITS, host)).toMatchObject({
    connections: Number.POSITIVE_INFINITY,
    perAddress: Number.POSITIVE_INFINITY,
  });
});
