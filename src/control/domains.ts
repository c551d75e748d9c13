// Handlers about custom host names.
import { parseHost } from "../core/host.ts";
import { formatTarget, parseTarget } from "../core/routing.ts";
import type { DomainRow } from "../store/domains.ts";
import { answerJson, answerNothing } from "./answer.ts";
import type { Call } from "./call.ts";
import { type DomainAnswer, domainBody, domainQuery, noQuery } from "./wire.ts";

export function listDomains(call: Call): Response {
  const { target } = call.query(domainQuery);
  return answerJson(call.world.domains.list(toTarget(target)).map(describeDomain));
}

export async function addDomain(call: Call): Promise<Response> {
  call.query(noQuery);
  const { host, target } = await call.body(domainBody);
  const row = await call.change(`${host} ${target}`, () =>
    call.world.domains.add(host, parseTarget(target)),
  );
  return answerJson(describeDomain(row), 201);
}

export async function removeDomain(call: Call): Promise<Response> {
  const { target } = call.query(domainQuery);
  const host = parseHost(decode(call.params["host"] ?? ""));
  await call.change(host, () => call.world.domains.remove(host, toTarget(target)));
  return answerNothing();
}

/** What is no percent-encoding is no host either. */
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

function describeDomain({ host, target }: DomainRow): DomainAnswer {
  return { host, target: formatTarget(target) };
}
