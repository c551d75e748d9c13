import { expect, test } from "bun:test";
import { PORT_FIRST, PORT_LAST, Ports } from "../../../src/platform/ports.ts";

test("hands out each port once until it is given back", () => {
  const ports = new Ports(PORT_FIRST, () => true);
  const taken = Array.from({ length: PORT_LAST - PORT_FIRST + 1 }, () => ports.take());
  expect(new Set(taken).size).toBe(taken.length);
  expect(() => ports.take()).toThrow(expect.objectContaining({ code: "PORTS_EXHAUSTED" }));
  ports.give(31_234);
  expect(ports.take()).toBe(31_234);
});

test("a port just given back rests while others are free", () => {
  const ports = new Ports(PORT_FIRST, () => true);
  const first = ports.take();
  ports.give(first);
  expect(ports.take()).not.toBe(first);
});

for (const hostname of ["127.0.0.1", "0.0.0.0", "::1", "::"]) {
  test(`passes over a port that somebody listens on at ${hostname}`, () => {
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

test("keeps clear of the port of a process that was taken over", () => {
  const ports = new Ports(PORT_FIRST, () => true);
  ports.reserve(PORT_FIRST);
  expect(ports.take()).toBe(PORT_FIRST + 1);
});
