// Routing: the target of a request by hostname and path, and the weighted pick among instances.
import { isUnder } from "./paths.ts";
import { type InstanceRef, isLabel, parseRef } from "./ref.ts";
import type { NamedTarget, RoutingOverrides } from "./service.ts";

export type Target =
  | { readonly kind: "instance"; readonly ref: InstanceRef }
  /** One instance of the service, by weight. */
  | { readonly kind: "service"; readonly service: string }
  /** The dashboard and the API. */
  | { readonly kind: "control" }
  /** Under the server's domain, without a service or instance: 404. */
  | { readonly kind: "unknown" };

export interface RoutingTable {
  /** Lower case, no port, no trailing dot. */
  readonly domain: string;
  readonly overrides: RoutingOverrides;
  /** The target of a custom hostname. */
  customHostname(hostname: string): NamedTarget | null;
  hasService(service: string): boolean;
  /** True also for an unknown id of a service that creates instances on request. */
  hasInstance(ref: InstanceRef): boolean;
}

/** The hostname of a Host header: lower case, no port, no trailing dot. */
export function normalizeHostname(header: string): string {
  const hostname = header.startsWith("[")
    ? header.slice(0, header.indexOf("]") + 1)
    : (header.split(":")[0] ?? "");
  return hostname.toLowerCase().replace(/\.$/, "");
}

/**
 * Decides the target of a request.
 * @param hostname as `normalizeHostname` returns it
 * @param path the raw request path, query excluded
 */
export function decideTarget(
  { hostname, path }: { hostname: string; path: string },
  table: RoutingTable,
): Target {
  // The API stays reachable on localhost whatever the overrides say.
  if (hostname === "localhost") return { kind: "control" };
  if (hostname === table.domain) return decideRoot(path, table);
  const target = ownerOf(hostname, table) ?? table.customHostname(hostname);
  if (target !== null) return resolve(target, table);
  return { kind: isUnderDomain(hostname, table) ? "unknown" : "control" };
}

/**
 * The service or instance that a hostname under the server's domain names, registered or not. A custom hostname can't
 * claim such a name. Null: it names none.
 * @param hostname as `normalizeHostname` returns it
 */
export function ownerOf(
  hostname: string,
  table: Pick<RoutingTable, "domain" | "overrides" | "hasService">,
): NamedTarget | null {
  if (!isUnderDomain(hostname, table)) return null;
  const labels = hostname.slice(0, -table.domain.length - 1);
  const override = table.overrides.subdomain.get(labels);
  if (override !== undefined) return override;
  const [first = "", second, ...rest] = labels.split(".");
  const service = second ?? first;
  if (rest.length > 0 || !table.hasService(service)) return null;
  return { service, id: second === undefined ? null : first };
}

function isUnderDomain(hostname: string, { domain }: Pick<RoutingTable, "domain">): boolean {
  return hostname.endsWith(`.${domain}`);
}

/** Reads `notes:alice`, or `notes` for all instances by weight; throws REF_INVALID. */
export function parseTarget(text: string): NamedTarget {
  return isLabel(text) ? { service: text, id: null } : parseRef(text);
}

export function formatTarget({ service, id }: NamedTarget): string {
  return id === null ? service : `${service}:${id}`;
}

function decideRoot(path: string, table: RoutingTable): Target {
  const byPath = table.overrides.path.find(({ prefix }) => isUnder(path, prefix));
  const target = byPath?.target ?? table.overrides.default;
  return target === null ? { kind: "control" } : resolve(target, table);
}

function resolve({ service, id }: NamedTarget, table: RoutingTable): Target {
  if (!table.hasService(service)) return { kind: "unknown" };
  if (id === null) return { kind: "service", service };
  const ref = { service, id };
  if (!isLabel(id) || !table.hasInstance(ref)) return { kind: "unknown" };
  return { kind: "instance", ref };
}

export interface Candidate {
  readonly ref: InstanceRef;
  readonly weight: number;
}

/**
 * Picks one candidate with a probability of its weight over the sum; null when no candidate has weight.
 * @param random at least 0, below 1
 */
export function pickByWeight(candidates: readonly Candidate[], random: number): InstanceRef | null {
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
  let left = random * total;
  for (const { ref, weight } of candidates) {
    left -= weight;
    if (left < 0) return ref;
  }
  return null;
}
