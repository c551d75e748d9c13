import { expect, test } from "bun:test";
import { parseTrustedProxies, plainAddress } from "../../../../src/proxy/http/forwarded.ts";

test.each([
  ["10.0.0.0/8", "10.200.3.4", true],
  ["10.0.0.0/8", "11.0.0.1", false],
  ["192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "192.0.2.8", false],
  ["fd00::/8", "fd12::1", true],
  ["fd00::/8", "fe80::1", false],
  ["::1", "::1", true],
  ["0.0.0.0/0", "203.0.113.1", true],
])("parseTrustedProxies([%p]) trusts %s: %p", (block, address, trusted) => {
  expect(parseTrustedProxies([block])(address)).toBe(trusted);
});

test("parseTrustedProxies([]) trusts no address", () => {
  expect(parseTrustedProxies([])("127.0.0.1")).toBe(false);
});

test.each(["10.0.0.0/33", "example.com", "10.0.0/8", ""])(
  "parseTrustedProxies([%p]) throws",
  (block) => {
    expect(() => parseTrustedProxies([block])).toThrow();
  },
);

test("plainAddress() returns the IPv4 address when a dual-stack socket reports it as IPv6", () => {
  expect(plainAddress("::ffff:203.0.113.7")).toBe("203.0.113.7");
  expect(plainAddress("2001:db8::1")).toBe("2001:db8::1");
});
