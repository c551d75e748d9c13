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
  test("is allowed to an administrator and to no stranger", () => {
    for (const ref of [OWN, FOREIGN, null]) {
      expect(decideAccess(ADMIN, action, ref)).toEqual({ kind: "allowed" });
      expect(decideAccess(STRANGER, action, ref)).toEqual({ kind: "unauthenticated" });
    }
  });

  test("is not allowed to a tenant on an instance of another, whose name is not repeated", () => {
    const access = decideAccess(ALICE, action, FOREIGN);
    expect(access.kind).toBe("forbidden");
    expect(JSON.stringify(access)).not.toContain("bob");
  });
});

test.each(MAY)("a tenant may %s its own instances, of any service", (action) => {
  expect(decideAccess(ALICE, action, OWN)).toEqual({ kind: "allowed" });
  expect(decideAccess(ALICE, action, { service: "wiki", id: "alice" })).toEqual({
    kind: "allowed",
  });
});

test.each(MAY_NOT)("a tenant may not %s, not even with its own", (action) => {
  expect(decideAccess(ALICE, action, OWN).kind).toBe("forbidden");
  expect(decideAccess(ALICE, action, null).kind).toBe("forbidden");
});

test("a service that is called like the tenant is not the tenant's", () => {
  expect(decideAccess(ALICE, "stop", { service: "alice", id: "bob" }).kind).toBe("forbidden");
});

test("an answer shows an administrator all, a tenant its own, a stranger nothing", () => {
  const seen = (caller: Caller) => [OWN, FOREIGN].filter((ref) => maySee(caller, ref));
  expect(seen(ADMIN)).toEqual([OWN, FOREIGN]);
  expect(seen(ALICE)).toEqual([OWN]);
  expect(seen(STRANGER)).toEqual([]);
});
