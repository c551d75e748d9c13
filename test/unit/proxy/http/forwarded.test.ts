import { expect, test } from "bun:test";
import { clientOf, NO_CLAIMS, plainAddress } from "../../../../src/proxy/http/forwarded.ts";

test("plainAddress() returns the IPv4 address when a dual-stack socket reports it as IPv6", () => {
  expect(plainAddress("::ffff:203.0.113.7")).toBe("203.0.113.7");
  expect(plainAddress("2001:db8::1")).toBe("2001:db8::1");
});

const PROXIES = ["127.0.0.1", "10.0.0.1"];
const trusts = (address: string) => PROXIES.includes(address);

test.each([
  ["an untrusted peer", { address: "203.0.113.7", for: [] }, "203.0.113.7"],
  [
    "an untrusted peer, whatever it claims",
    { address: "203.0.113.7", for: ["10.9.9.9"] },
    "203.0.113.7",
  ],
  ["the client of a trusted proxy", { address: "127.0.0.1", for: ["203.0.113.7"] }, "203.0.113.7"],
  [
    "the client of two trusted proxies, not what it invented",
    { address: "127.0.0.1", for: ["6.6.6.6, 203.0.113.7", "10.0.0.1"] },
    "203.0.113.7",
  ],
  [
    "the first of nothing but trusted hops",
    { address: "127.0.0.1", for: ["10.0.0.1"] },
    "10.0.0.1",
  ],
  [
    "a proxy that names no address",
    { address: "127.0.0.1", for: ["6.6.6.6, unknown"] },
    "127.0.0.1",
  ],
  ["a proxy that names nobody", { address: "127.0.0.1", for: [] }, "127.0.0.1"],
  ["a mapped address", { address: "127.0.0.1", for: ["::ffff:203.0.113.7"] }, "203.0.113.7"],
])("clientOf() is %s", (_, { address, for: hops }, client) => {
  const trusted = address !== "203.0.113.7";
  const claims = { ...NO_CLAIMS, for: trusted ? hops : [] };
  const peer = { address, protocol: "http", trusted, trusts, relays: false } as const;
  expect(clientOf(peer, claims)).toBe(client);
});
