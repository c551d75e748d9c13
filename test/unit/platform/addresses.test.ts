import { expect, test } from "bun:test";
import { isOwnAddress, ownAddresses, parseAddressBlocks } from "../../../src/platform/addresses.ts";

test.each([
  ["10.0.0.0/8", "10.200.3.4", true],
  ["10.0.0.0/8", "11.0.0.1", false],
  ["192.0.2.7", "192.0.2.7", true],
  ["192.0.2.7", "192.0.2.8", false],
  ["fd00::/8", "fd12::1", true],
  ["fd00::/8", "fe80::1", false],
  ["::1", "::1", true],
  ["0.0.0.0/0", "203.0.113.1", true],
])("parseAddressBlocks([%p]) contains %s: %p", (block, address, contained) => {
  expect(parseAddressBlocks([block])(address)).toBe(contained);
});

test("parseAddressBlocks([]) contains no address", () => {
  expect(parseAddressBlocks([])("127.0.0.1")).toBe(false);
});

test.each(["10.0.0.0/33", "example.com", "10.0.0/8", ""])(
  "parseAddressBlocks([%p]) throws",
  (block) => {
    expect(() => parseAddressBlocks([block])).toThrow();
  },
);

test("isOwnAddress() knows the loopback and the addresses of interfaces", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", ...ownAddresses()]) {
    expect(isOwnAddress(address)).toBe(true);
  }
  expect(isOwnAddress("203.0.113.1")).toBe(false);
});
