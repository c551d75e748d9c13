import { expect, test } from "bun:test";
import { PORT_FIRST, PORT_LAST, Ports } from "../../../../src/platform/process/ports.ts";

test("allocates each port once until it is given back", () => {
  const ports = new Ports(PORT_FIRST, { isFree: () => true });
  const taken = Array.from({ length: PORT_LAST - PORT_FIRST + 1 }, () => ports.take());
  expect(new Set(taken).size).toBe(taken.length);
  const failure = expect.objectContaining({ code: "PORTS_EXHAUSTED" });
  expect(() => ports.take()).toThrow(expect.objectContaining({ failure }));
  ports.give(31_234);
  expect(ports.take()).toBe(31_234);
});

test("allocates many ports together, or none", () => {
  const ports = new Ports(PORT_FIRST, { isFree: () => true });
  const all = ports.takeMany(PORT_LAST - PORT_FIRST - 1);
  expect(new Set(all).size).toBe(PORT_LAST - PORT_FIRST - 1);
  expect(() => ports.takeMany(3)).toThrow();
  expect(ports.takeMany(2).toSorted()).toEqual([PORT_LAST - 1, PORT_LAST]);
});

test("a port that was given back is not reused while others are free", () => {
  const ports = new Ports(PORT_FIRST, { isFree: () => true });
  const first = ports.take();
  ports.give(first);
  expect(ports.take()).not.toBe(first);
});

for (const hostname of ["127.0.0.1", "0.0.0.0", "::1", "::"]) {
  test(`skips a port that another process listens on at ${hostname}`, () => {
    const free = Ports.startingAnywhere().take();
    const socket = { data: () => undefined };
    const listener = Bun.listen({ hostname, port: free, socket });
    try {
      expect(new Ports(free).take()).not.toBe(free);
    } finally {
      listener.stop(true);
    }
  });
}

test("skips the port of an adopted process", () => {
  const ports = new Ports(PORT_FIRST, { isFree: () => true });
  ports.reserve(PORT_FIRST);
  expect(ports.take()).toBe(PORT_FIRST + 1);
});

test("allocates ports last that the system may give to outgoing connections", () => {
  const outgoing = { first: PORT_FIRST + 2, last: PORT_LAST };
  for (const start of [PORT_FIRST, PORT_FIRST + 5000]) {
    const ports = new Ports(start, { isFree: () => true, outgoing });
    const [first, second, third] = [ports.take(), ports.take(), ports.take()];
    expect([first, second].sort()).toEqual([PORT_FIRST, PORT_FIRST + 1]);
    expect(third).toBeGreaterThanOrEqual(outgoing.first);
  }
});
