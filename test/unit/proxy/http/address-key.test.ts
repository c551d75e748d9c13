import { expect, test } from "bun:test";
import { addressKeyOf } from "../../../../src/proxy/http/address-key.ts";
import type { Peer } from "../../../../src/proxy/http/forwarded.ts";

const PEER: Peer = {
  address: "",
  protocol: "http",
  trusted: false,
  trusts: () => false,
  relays: false,
};

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["2001:0DB8:0001:0002::7", "2001:db8:1:2::/64"],
  ["::1", "0:0:0:0::/64"],
])("addressKeyOf() counts connections from %s as %s", (address, key) => {
  expect(addressKeyOf({ ...PEER, address })).toBe(key);
});

test.each([
  ["a trusted proxy", { address: "10.0.0.1", trusted: true }],
  ["a previous server", { address: "", relays: true }],
  ["a Unix socket", { address: "" }],
])("addressKeyOf() counts no connections of %s", (_, peer) => {
  expect(addressKeyOf({ ...PEER, ...peer })).toBeNull();
});
