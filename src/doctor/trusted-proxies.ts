// Examines trusted proxies on this host: tenants that can't be told from them can name any client.
import { type Config, networkOf, type Service } from "../core/service.ts";
import { ownAddresses, parseAddressBlocks } from "../platform/addresses.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine } from "./finding.ts";

const LOOPBACK = ["127.0.0.1", "::1"];

/** @param addresses of this host */
export function examineTrustedProxies(
  { isRoot }: Pick<Host, "isRoot">,
  { settings, services }: Pick<Config, "settings" | "services">,
  addresses: readonly string[] = ownAddresses(),
): readonly Finding[] {
  const trusts = parseAddressBlocks(settings.trustedProxies);
  const trusted = [...new Set([...LOOPBACK, ...addresses])].filter(trusts);
  if (trusted.length === 0) return [];
  const finding = { id: "trusted-proxies", group: "network", title: "trusted_proxies" } as const;
  const alike = [...services.values()].filter((service) => isAlike(service, isRoot));
  const found = `${trusted.join(", ")} of this host`;
  if (alike.length === 0) return [fine({ ...finding, found })];
  const names = alike.map(({ name }) => name).join(", ");
  return [
    {
      ...finding,
      state: "warning",
      found: `${found}, from where instances of ${names} can connect as well`,
      meaning:
        "Their requests to other tenants are believed like those of a proxy: any X-Forwarded-For passes",
      remedy: isRoot
        ? 'set isolation = "namespace" or network = "private" for these services'
        : 'run the server as root\nset network = "private" for these services\nlet the proxy connect from an address that is not of this host',
      blocks: [],
    },
  ];
}

/** Its instances have the network of this host, and no user of their own there. */
function isAlike(service: Service, isRoot: boolean): boolean {
  return networkOf(service) === "host" && (!isRoot || service.isolation !== "namespace");
}
