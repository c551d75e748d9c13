import { describe, expect, test } from "bun:test";
import { type Action, type Caller, decideAccess, maySee } from "../../../src/core/access.ts";

const ADMIN: Caller = { kind: "admin", name: "socket" };
const ALICE: Caller = { kind: "tenant", name: "token 2", id: "alice" };
const STRANGER: Caller = { kind: "stranger" };
const OWN = { service: "notes", id: "alice" };
const FOREIGN = { service: "notes", id: "bob" };

const MAY: readonly Action[] = ["list", "health", "storage", "logs", "start", "stop", "restart"];
const MAY_NOT: readonly Action[] = [
  "spawn",
  "sleep",
  "disable",
  "enable",
  "remove",
  "weight",
  "why",
  "env",
  "set-env",
  "tokens",
  "create-token",
  "revoke-token",
  "domains",
  "add-domain",
  "remove-domain",
  "restart-server",
  "audit",
  "telemetry",
  "openapi",
  "reload",
];

describe.each([...MAY, ...MAY_NOT])("%s", (action) => {
  test("is allowed to an administrator, not to an unauthenticated caller", () => {
    for (const ref of [OWN, FOREIGN, null]) {
      expect(decideAccess(ADMIN, action, ref)).toEqual({ kind: "allowed" });
      expect(decideAccess(STRANGER, action, ref)).toEqual({ kind: "unauthenticated" });
    }
  });

  test("is forbidden to a tenant on another tenant's instance, and the reason does not name that instance", () => {
    const access = decideAccess(ALICE, action, FOREIGN);
    expect(access.kind).toBe("forbidden");
    expect(JSON.stringify(access)).not.toContain("bob");
  });
});

test.each(MAY)("allows a tenant to %s its own instances, of any service", (action) => {
  expect(decideAccess(ALICE, action, OWN)).toEqual({ kind: "allowed" });
  expect(decideAccess(ALICE, action, { service: "wiki", id: "alice" })).toEqual({
    kind: "allowed",
  });
});

test.each(MAY_NOT)("forbids a tenant to %s, even its own instances", (action) => {
  expect(decideAccess(ALICE, action, OWN).kind).toBe("forbidden");
  expect(decideAccess(ALICE, action, null).kind).toBe("forbidden");
});

test("a tenant does not own a service of the same name", () => {
  expect(decideAccess(ALICE, "stop", { service: "alice", id: "bob" }).kind).toBe("forbidden");
});

test("an answer contains all instances for an administrator, its own for a tenant, none for others", () => {
  const seen = (caller: Caller) => [OWN, FOREIGN].filter((ref) => maySee(caller, ref));
  expect(seen(ADMIN)).toEqual([OWN, FOREIGN]);
  expect(seen(ALICE)).toEqual([OWN]);
  expect(seen(STRANGER)).toEqual([]);
});
