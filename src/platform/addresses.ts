// The addresses of this host, and lists of addresses and CIDR blocks.
import { BlockList, isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

export type AddressCheck = (address: string) => boolean;

/** Reads addresses and CIDR blocks of both families; throws a RangeError for anything else. */
export function parseAddressBlocks(blocks: readonly string[]): AddressCheck {
  if (blocks.length === 0) return () => false;
  const list = new BlockList();
  for (const block of blocks) {
    const [address = "", prefix] = block.split("/");
    if (isIP(address) === 0) throw new RangeError(`"${block}" is neither an address nor a block`);
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

/** The addresses of all interfaces. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((entries = []) =>
    entries.map(({ address }) => address),
  );
}

/** Whether a connection from there can only come from a program of this host. */
export function isOwnAddress(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || ownAddresses().includes(address);
}
