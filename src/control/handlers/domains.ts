// Handlers for custom hostnames.
import { parseHostname } from "../../core/hostname.ts";
import { formatTarget, parseTarget } from "../../core/routing.ts";
import type { DomainRow } from "../../database/domains.ts";
import type { Call } from "../call.ts";
import type { DomainAnswer, DomainBody, DomainQuery } from "../wire/domains.ts";

export function listDomains({ world, query }: Call<DomainQuery>): DomainAnswer[] {
  return world.domains.list(toTarget(query.target)).map(describeDomain);
}

export async function addDomain(call: Call<unknown, DomainBody>): Promise<DomainAnswer> {
  const { host, target } = call.body;
  const row = await call.change(`${host} ${target}`, () =>
    call.world.domains.add(host, parseTarget(target)),
  );
  return describeDomain(row);
}

export async function removeDomain(call: Call<DomainQuery>): Promise<void> {
  const { target } = call.query;
  const host = parseHostname(decode(call.params["host"] ?? ""));
  await call.change(host, () => call.world.domains.remove(host, toTarget(target)));
}

/** An invalid percent-encoding is refused as a hostname. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function toTarget(text: string | undefined): ReturnType<typeof parseTarget> | null {
  return text === undefined ? null : parseTarget(text);
}

function describeDomain({ hostname, target }: DomainRow): DomainAnswer {
  return { host: hostname, target: formatTarget(target) };
}
