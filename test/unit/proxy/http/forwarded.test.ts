import { expect, test } from "bun:test";
import { plainAddress } from "../../../../src/proxy/http/forwarded.ts";

test("plainAddress() returns the IPv4 address when a dual-stack socket reports it as IPv6", () => {
  expect(plainAddress("::ffff:203.0.113.7")).toBe("203.0.113.7");
  expect(plainAddress("2001:db8::1")).toBe("2001:db8::1");
});
