// The addresses by which connections are counted: one client is one IPv4 address, or one network of IPv6.
import { isIPv6 } from "node:net";
import { groupsOf } from "../../core/ip-address.ts";
import type { Peer } from "./forwarded.ts";

/** Null: not counted, since many clients connect from there. */
export type AddressKey = string | null;

/** The first half of an IPv6 address is the network, the second half is the client's to choose. */
const NETWORK_GROUPS = 4;

/** Trusted proxies and previous servers are exempt: they bound their own clients. */
export function addressKeyOf({ address, trusted, relays }: Peer): AddressKey {
  if (trusted || relays || address === "") return null;
  return networkOf(address);
}

/** Of an IPv6 address the network; an IPv4 address unchanged. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const groups = groupsOf(address).slice(0, NETWORK_GROUPS);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
