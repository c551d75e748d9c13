// The firewall between tenants, as rules of nftables: which ports are whose, and who may not ask the cloud for its
// secrets.
// Needed because every process of a host reaches every port of 127.0.0.1.
import { USER_ID_MAX, USER_ID_MIN } from "../../core/walls.ts";

/** One launch, as far as the firewall is concerned. */
export interface Claim {
  readonly port: number;
  /** The instance's own user, who alone of all instances' users may connect; null: it has none, so none of them may. */
  readonly owner: number | null;
  readonly allowMetadata: boolean;
}

/** The sets that claims are kept in. */
export const FIREWALL_SETS = ["ports", "owners", "no_metadata"] as const;
export type FirewallSet = (typeof FIREWALL_SETS)[number];

/** One element of a set. */
export interface Element {
  readonly set: FirewallSet;
  readonly port: number | null;
  readonly user: number | null;
}

/**
 * Where clouds hand a machine its credentials. Amazon, Google, Azure, DigitalOcean and most others have the first;
 * then Amazon's containers, Oracle, Alibaba, Azure's agent; then Amazon and Google over IPv6.
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
  elements.push({ set: "owners", port, user: owner });
  if (!allowMetadata) elements.push({ set: "no_metadata", port: null, user: owner });
  return elements;
}

/**
 * A script for `nft -f`: the table with these claims, in place of an older one of that name, in a single step.
 * It judges only connections to ports that it holds, and only those of instances' users: another server's
 * instances, the host's other services and whoever else runs here are left alone.
 */
export function renderTable({
  name,
  comment,
  claims,
}: {
  readonly name: string;
  /** Whose table it is, for people; on a rule, since older versions of nft know none on tables. */
  readonly comment: string;
  readonly claims: readonly Claim[];
}): string {
  const elements = claims.flatMap(elementsOf);
  // `table` alone makes one, so that there is one to delete. Port 53: in some clouds the same address resolves names.
  return `
table inet ${name}
delete table inet ${name}
table inet ${name} {
  set ports { type inet_service; ${renderElements(elements, "ports")} }
  set owners { type inet_service . uid; ${renderElements(elements, "owners")} }
  set no_metadata { type uid; ${renderElements(elements, "no_metadata")} }
  chain output {
    type filter hook output priority filter; policy accept;
    meta skuid < ${USER_ID_MIN} accept comment "${comment.replaceAll(/[^\w ./:-]/g, "_").slice(0, COMMENT_LENGTH_MAX)}"
    meta skuid > ${USER_ID_MAX} accept
    oifname "lo" tcp dport @ports tcp dport . meta skuid != @owners reject with tcp reset
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

/** Of nft, less what surrounds it. */
const COMMENT_LENGTH_MAX = 120;

function renderElements(elements: readonly Element[], set: FirewallSet): string {
  const keys = elements
    .filter((element) => element.set === set)
    .map(({ port, user }) => [port, user].filter((part) => part !== null).join(" . "));
  return keys.length === 0 ? "" : `elements = { ${[...new Set(keys)].join(", ")} };`;
}
