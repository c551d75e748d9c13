// X-Forwarded-*, Forwarded and X-Request-Id: from whom they are believed, and their values for tenants.
import { isIP } from "node:net";
import type { AddressCheck } from "../../platform/addresses.ts";

export interface Peer {
  /** Textual address without a zone; IPv4 also where the socket is IPv6. */
  readonly address: string;
  readonly protocol: "http" | "https";
  /** Its X-Forwarded-* and Forwarded are believed. */
  readonly trusted: boolean;
  /** The addresses of trusted proxies, among which are the hops in front of a trusted peer. */
  readonly trusts: AddressCheck;
  /** It is a previous server that relays the last requests of its connections, and no hop of its own. */
  readonly relays: boolean;
}

/** Trusted, since only the server's own user can open the socket that it connects to. */
export function previousServer(trusts: AddressCheck): Peer {
  return { address: "", protocol: "http", trusted: true, trusts, relays: true };
}

/** Turns `::ffff:203.0.113.7`, as a dual-stack socket reports it, into 203.0.113.7. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}

/** The values that a trusted proxy in front of this server sent. */
export interface ForwardedClaims {
  readonly for: readonly string[];
  readonly host: string | null;
  readonly proto: string | null;
  readonly requestId: string | null;
}

export const NO_CLAIMS: ForwardedClaims = { for: [], host: null, proto: null, requestId: null };

/** The address that the request came from, for operators: that of the last hop before this server. */
export function senderOf(peer: Peer, claims: ForwardedClaims): string {
  if (!peer.relays) return peer.address;
  return claims.for.at(-1)?.split(", ").at(-1) ?? "a previous server";
}

/** The nearest hop that is no trusted proxy: a client may have forged all before it. */
export function clientOf(peer: Peer, claims: ForwardedClaims): string {
  let client = peer.address;
  for (const hop of claims.for.flatMap((list) => list.split(",")).reverse()) {
    const address = plainAddress(hop.trim());
    // Proxies also write "unknown" or names of their own.
    if (isIP(address) === 0) break;
    client = address;
    if (!peer.trusts(address)) break;
  }
  return client;
}

/** The header lines that name the client to the tenant. */
export function renderForwarded(peer: Peer, host: string, claims: ForwardedClaims): string {
  const chain = [...claims.for, ...(peer.relays ? [] : [peer.address])].join(", ");
  const forHost = claims.host ?? host;
  return (
    `X-Forwarded-For: ${chain}\r\n` +
    (forHost === "" ? "" : `X-Forwarded-Host: ${forHost}\r\n`) +
    `X-Forwarded-Proto: ${claims.proto ?? peer.protocol}\r\n` +
    `X-Request-Id: ${claims.requestId ?? crypto.randomUUID()}\r\n`
  );
}
