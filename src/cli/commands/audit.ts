// ten audit: lists the changes of operators, with their outcomes.
import type { AuditAnswer } from "../../control/wire/tokens.ts";
import { defineCommand } from "../command.ts";
import { type Column, renderSafe, renderTable } from "../output.ts";

export const audit = defineCommand({
  meta: {
    description:
      "Lists changes, newest first: time, actor, action, the instance or token, and the outcome.",
    examples: ["audit --limit 20"],
  },
  args: {
    limit: { type: "string", alias: "n", valueHint: "N", description: "At most this many (100)" },
  },
  async run({ args: { limit }, data: context }) {
    const rows = await context.client().call("listAudit", { query: { limit } });
    context.show(rows, () => renderTable(COLUMNS, rows));
  },
});

const COLUMNS: readonly Column<AuditAnswer>[] = [
  { title: "WHEN", cell: ({ at }) => `${at.slice(0, 19).replace("T", " ")}Z` },
  { title: "WHO", cell: ({ actor }) => renderSafe(actor) },
  { title: "ACTION", cell: ({ action }) => renderSafe(action) },
  { title: "SUBJECT", cell: ({ subject }) => renderSafe(subject) },
  { title: "OUTCOME", cell: renderOutcome },
];

function renderOutcome({ outcome, count }: AuditAnswer): string {
  return count === 1 ? renderSafe(outcome) : `${renderSafe(outcome)} (${count} times)`;
}
