// Examines the firewall between tenants: whether this server may create a table of nftables.
import type { Gap } from "../core/failure.ts";
import { NO_FIREWALL } from "../isolation/firewall/firewall.ts";
import { listOrphanedTables } from "../isolation/firewall/firewall-tables.ts";
import { runNft } from "../isolation/firewall/nft.ts";
import { renderTable } from "../isolation/firewall/rules.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

/**
 * @param attempt returns the obstacle to a table, without creating one
 * @param listOrphans returns the tables of killed servers whose data directory is gone
 */
export function examineFirewall(
  host: Host,
  attempt = attemptTable,
  listOrphans = listOrphanedTables,
): readonly Finding[] {
  if (host.platform !== "linux") return [];
  const finding = { id: "firewall", group: "network", title: "firewall between tenants" } as const;
  const gap = host.isRoot ? attempt() : NO_FIREWALL.gap;
  if (gap === null) {
    return [fine({ ...finding, found: "nftables" }), ...describeOrphans(listOrphans())];
  }
  return [
    {
      ...finding,
      state: "warning",
      found: gap.reason,
      meaning:
        "A walled tenant can connect to the ports of other tenants on 127.0.0.1 and, in a cloud, to the metadata service; other machines can connect to tenants that listen on all addresses",
      remedy: gap.remedy,
      blocks: [],
    },
  ];
}

function describeOrphans(tables: readonly string[]): readonly Finding[] {
  if (tables.length === 0) return [];
  return [
    {
      id: "firewall.orphans",
      group: "network",
      title: "firewall of servers that are gone",
      state: "warning",
      found: tables.length === 1 ? "1 table" : `${tables.length} tables`,
      meaning:
        "Tables of killed servers whose data directory was deleted close ports that others use now; the next server that starts removes them",
      remedy: tables.map((name) => `nft delete table inet ${name}`).join(" && "),
      blocks: [],
    },
  ];
}

function attemptTable(): Gap | null {
  const script = renderTable({ name: "tenement_check", comment: "a check", claims: [] });
  return runNft(script, { check: true });
}
