// ten domain: adds, removes and lists custom hostnames.
import type { DomainAnswer } from "../../control/wire/domains.ts";
import { parseHostname } from "../../core/hostname.ts";
import { parseTarget } from "../../core/routing.ts";
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";
import { type Column, renderTable } from "../output.ts";
import { REF } from "./operands.ts";

const HOST = { ...OPERAND, valueHint: "HOST" } as const;

export const domainAdd = defineCommand({
  meta: {
    description:
      "Gives a custom hostname to an instance, or to a service, whose instances then share its requests by weight. The name's DNS must lead to this server. Names may be written in Unicode.",
    examples: ["domain add notes:alice notes.alice.org", "domain add notes notes.org"],
  },
  args: { ref: REF, host: HOST },
  async run({ args, data: context }) {
    parseTarget(args.ref);
    const answer = await context
      .client()
      .call("addDomain", { body: { host: parseHostname(args.host), target: args.ref } });
    context.showResult(answer, `${answer.host} leads to ${answer.target}`);
  },
});

export const domainRm = defineCommand({
  meta: {
    description:
      "Removes a custom hostname from an instance or a service. ten rm removes all hostnames of an instance.",
    examples: ["domain rm notes:alice notes.alice.org"],
  },
  args: { ref: REF, host: HOST },
  async run({ args, data: context }) {
    parseTarget(args.ref);
    const host = parseHostname(args.host);
    await context.client().call("removeDomain", { params: { host }, query: { target: args.ref } });
    context.say(`${host} leads to ${args.ref} no longer`);
  },
});

export const domainLs = defineCommand({
  meta: {
    description: "Lists custom hostnames: all, or those of an instance or a service.",
    examples: ["domain ls", "domain ls notes:alice"],
  },
  args: { ref: { ...REF, required: false } },
  async run({ args, data: context }) {
    if (args.ref !== undefined) parseTarget(args.ref);
    const domains = await context.client().call("listDomains", { query: { target: args.ref } });
    context.show(domains, () => renderTable(COLUMNS, domains));
  },
});

const COLUMNS: readonly Column<DomainAnswer>[] = [
  { title: "HOST", cell: ({ host }) => host },
  { title: "LEADS TO", cell: ({ target }) => target },
];
