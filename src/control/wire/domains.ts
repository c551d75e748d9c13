// Custom hostnames on the wire.
import { z } from "zod";
import { EMPTY, json, type Operations } from "./operation.ts";

const text = z.string("expected a text");
const hostname = text.meta({ examples: ["notes.alice.example"] });
const target = text.meta({ examples: ["notes:alice", "notes"] });

export const domainAnswer = z
  .strictObject({
    host: hostname,
    target: target.describe("An instance, or a service for its instances by weight"),
  })
  .meta({ id: "Domain" });
export type DomainAnswer = z.output<typeof domainAnswer>;

export const domainBody = z.strictObject({ host: hostname, target });
export type DomainBody = z.output<typeof domainBody>;

export const domainQuery = z.strictObject({
  target: target.optional().meta({ description: "Only those that lead there" }),
});
export type DomainQuery = z.output<typeof domainQuery>;

export const DOMAIN_OPERATIONS = {
  listDomains: {
    summary: "List custom hostnames",
    action: "domains",
    query: domainQuery,
    answer: json(z.array(domainAnswer)),
  },
  addDomain: {
    summary: "Give an instance or a service a hostname of its own",
    action: "add-domain",
    body: domainBody,
    answer: json(domainAnswer, 201),
    refusals: [404, 409],
  },
  removeDomain: {
    summary: "Remove a custom hostname",
    action: "remove-domain",
    query: domainQuery,
    answer: EMPTY,
  },
} as const satisfies Operations;
