// Examines the firewall between tenants: whether this server may create a table of nftables.
import type { Gap } from "../core/failure.ts";
import { NO_FIREWALL } from "../isolation/firewall/firewall.ts";
import { runNft } from "../isolation/firewall/nft.ts";
import { renderTable } from "../isolation/firewall/rules.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

/** @param attempt returns the obstacle to a table, without creating one */
export function examineFirewall(host: Host, attempt = attemptTable): readonly Finding[] {
  if (host.platform !== "linux") return [];
  const finding = { id: "firewall", group: "network", title: "firewall between tenants" } as const;
  const gap = host.isRoot ? attempt() : NO_FIREWALL.gap;
  if (gap === null) return [fine({ ...finding, found: "nftables" })];
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

function attemptTable(): Gap | null {
  const script = renderTable({ name: "tenement_check", comment: "a check", claims: [] });
  return runNft(script, { check: true });
}
