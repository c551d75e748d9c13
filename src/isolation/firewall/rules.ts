// The rules of the firewall around tenants: ports of other tenants, a cloud's metadata service, other machines.
// Needed because every process of a host reaches every port of 127.0.0.1, and applications listen on all addresses.
import { USER_ID_RANGES } from "../../core/user-id-ranges.ts";

/** The port of one launch, and its protection. */
export interface Claim {
  readonly port: number;
  /** The instance's user, the only one of all instances' users that may connect; null: none of them may. */
  readonly owner: number | null;
  readonly allowMetadata: boolean;
}

/** The users of walled instances, the only ones that the rules judge. */
const WALLED_USERS = USER_ID_RANGES.map(({ first, last }) => `${first}-${last}`).join(", ");

/** The sets of nftables that hold the claims. */
export const FIREWALL_SETS = ["ports", "owners", "users", "no_metadata"] as const;
export type FirewallSet = (typeof FIREWALL_SETS)[number];

/** One element of a set. */
export interface Element {
  readonly set: FirewallSet;
  readonly port: number | null;
  readonly user: number | null;
}

/**
 * Addresses at which clouds hand credentials to a machine. Amazon, Google, Azure, DigitalOcean and most others have
 * the first; then Amazon's containers, Oracle, Alibaba, Azure's agent; then Amazon and Google over IPv6.
 */
export const METADATA_ADDRESSES = {
  ip: [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "192.0.0.192",
    "100.100.100.200",
    "168.63.129.16",
  ],
  ip6: ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"],
} as const;

export function elementsOf({ port, owner, allowMetadata }: Claim): readonly Element[] {
  const elements: Element[] = [{ set: "ports", port, user: null }];
  if (owner === null) return elements;
  elements.push({ set: "owners", port, user: owner }, { set: "users", port: null, user: owner });
  if (!allowMetadata) elements.push({ set: "no_metadata", port: null, user: owner });
  return elements;
}

/**
 * A script for `nft -f`: replaces the table by one with these claims, in a single step. The rules judge only
 * connections to ports in the table, and those from and to instances' users; other instances, services and users are
 * left alone.
 *
 * Other machines can't connect to an instance past the server: not to its ports, and not to other ones that its user
 * listens on, whose numbers are unknown. The kernel knows that user only when it answers, so the answer is refused. A
 * reset, which goes to the listening socket alone, forgets the attempt; otherwise a few of them would fill the socket's
 * queue, and the kernel would then answer with cookies, which have no user. Only packets that open a connection are
 * judged, so that those of outgoing connections pass without connection tracking, which would slow the whole host down.
 */
export function renderTable({
  name,
  comment,
  claims,
}: {
  readonly name: string;
  /** The table's owner; on a rule, since older versions of nft have no comments on tables. */
  readonly comment: string;
  readonly claims: readonly Claim[];
}): string {
  const elements = claims.flatMap(elementsOf);
  // The first line makes the table if it is missing, since a missing one can't be deleted. Port 53: in some clouds the
  // metadata address resolves names as well.
  return `
table inet ${name}
delete table inet ${name}
table inet ${name} {
  set ports { type inet_service; ${renderElements(elements, "ports")} }
  set owners { type inet_service . uid; ${renderElements(elements, "owners")} }
  set users { type uid; ${renderElements(elements, "users")} }
  set no_metadata { type uid; ${renderElements(elements, "no_metadata")} }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != "lo" tcp dport @ports tcp flags & (fin | syn | rst | ack) == syn drop
  }
  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid != { ${WALLED_USERS} } accept comment "${comment.replaceAll(/[^\w ./:%[\]!'()*~-]/g, "_").slice(0, COMMENT_LENGTH_MAX)}"
    oifname "lo" tcp dport @ports tcp dport . meta skuid != @owners reject with tcp reset
    oifname != "lo" meta skuid @users tcp flags & (syn | ack) == (syn | ack) reject with tcp reset
    meta skuid @no_metadata ip daddr { ${METADATA_ADDRESSES.ip.join(", ")} } jump metadata
    meta skuid @no_metadata ip6 daddr { ${METADATA_ADDRESSES.ip6.join(", ")} } jump metadata
  }
  chain metadata {
    meta l4proto { tcp, udp } th dport 53 accept
    meta l4proto tcp reject with tcp reset
    reject
  }
}
`;
}

/** The maximum of nft, less the surrounding text. */
const COMMENT_LENGTH_MAX = 120;

function renderElements(elements: readonly Element[], set: FirewallSet): string {
  const keys = elements
    .filter((element) => element.set === set)
    .map(({ port, user }) => [port, user].filter((part) => part !== null).join(" . "));
  return keys.length === 0 ? "" : `elements = { ${[...new Set(keys)].join(", ")} };`;
}
