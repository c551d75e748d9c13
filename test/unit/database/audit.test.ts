import { Database } from "bun:sqlite";
import { beforeEach, expect, test } from "bun:test";
import { type AuditBudget, type AuditRow, AuditTable } from "../../../src/database/audit.ts";
import { MIGRATIONS } from "../../../src/database/migrations.ts";

const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;
const AT = 1_800_000_000_000 - (1_800_000_000_000 % MINUTE_MS);

let table: AuditTable;

beforeEach(() => {
  const database = new Database(":memory:", { strict: true });
  for (const migration of MIGRATIONS) database.run(migration);
  table = new AuditTable(database);
});

function record(row: Partial<AuditRow> = {}, budget: AuditBudget = "operator"): void {
  const { at = AT, actor = "socket", action = "stop", subject = "notes:alice" } = row;
  table.record({ at, actor, action, subject, outcome: row.outcome ?? "done" }, budget);
}

function rowsOf(actor: string): readonly AuditRow[] {
  return table.list(10_000).filter((row) => row.actor === actor);
}

const refuse = (row: Partial<AuditRow> = {}) =>
  record({ actor: "token 2", outcome: "FORBIDDEN", ...row }, "refused");

test("a tenant's rows push out older ones of the same token only", () => {
  record();
  record({ actor: "token 3" }, "tenant");
  for (let count = 0; count < 1100; count += 1)
    record({ actor: "token 2", at: AT + count }, "tenant");
  expect(rowsOf("socket")).toHaveLength(1);
  expect(rowsOf("token 3")).toHaveLength(1);
  expect(rowsOf("token 2")).toHaveLength(1000);
  expect(rowsOf("token 2").at(-1)?.at).toBe(AT + 100);
});

test("refusals push out no changes, not even those of the same actor", () => {
  record({ actor: "token 2" }, "tenant");
  for (let count = 0; count < 1100; count += 1) refuse({ at: AT + count * MINUTE_MS });
  const outcomes = Map.groupBy(rowsOf("token 2"), ({ outcome }) => outcome);
  expect(outcomes.get("done")).toHaveLength(1);
  expect(outcomes.get("FORBIDDEN")).toHaveLength(1000);
});

test("an operator's row stays for a year, however many follow it", () => {
  for (let count = 0; count < 1100; count += 1) record({ at: AT + count });
  expect(rowsOf("socket")).toHaveLength(1100);
  record({ at: AT + YEAR_MS + 1 });
  expect(rowsOf("socket").map(({ at }) => at)).not.toContain(AT);
  expect(rowsOf("socket")).toHaveLength(1100);
});

test("refusals of an actor and action within a minute are one row with a count", () => {
  refuse();
  refuse({ at: AT + MINUTE_MS - 1 });
  refuse({ action: "start" });
  refuse({ actor: "token 3" });
  refuse({ at: AT + MINUTE_MS });
  const shown = table
    .list(10)
    .map(({ at, actor, action, count }) => [at - AT, actor, action, count]);
  expect(shown).toEqual([
    [MINUTE_MS, "token 2", "stop", 1],
    [0, "token 3", "stop", 1],
    [0, "token 2", "start", 1],
    [0, "token 2", "stop", 2],
  ]);
});

test("a row of refusals names its subject as long as there is one", () => {
  refuse();
  refuse();
  expect(table.list(1)[0]?.subject).toBe("notes:alice");
  refuse({ subject: "notes:bob" });
  expect(table.list(1)[0]).toMatchObject({ subject: "several", count: 3 });
});

test("changes are not joined", () => {
  record();
  record();
  expect(table.list(10).map(({ count }) => count)).toEqual([1, 1]);
});
