import { afterEach, beforeEach, expect, test } from "bun:test";
import { ControlWorld } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
});

afterEach(() => world[Symbol.asyncDispose]());

test("a new token is shown once and works", async () => {
  const response = await world.ask("/api/tokens", { method: "POST", body: "" });
  expect(response.status).toBe(201);
  const { token, ...rest } = (await response.json()) as { token: string };
  expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(rest).toEqual({
    id: 1,
    tenant: null,
    description: "",
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
  expect(await (await world.ask("/api/tokens")).text()).not.toContain(token);
  expect((await world.askOutside("/api/tokens", { token })).status).toBe(200);
  expect(world.trail).toEqual(["socket create-token admin done"]);
});

test("tokens are listed with their purposes, and revoked by number", async () => {
  await world
    .client()
    .call("createToken", { body: { tenant: "alice", description: "status page" } });
  await world.client().call("createToken", { body: { tenant: null } });
  const listed = await world.client().call("listTokens");
  expect(listed.map(({ id, tenant, description }) => [id, tenant, description])).toEqual([
    [1, "alice", "status page"],
    [2, null, ""],
  ]);
  await world.client().call("revokeToken", { params: { token: "1" } });
  expect((await world.client().call("listTokens")).map(({ id }) => id)).toEqual([2]);
  expect(world.trail).toEqual([
    "socket create-token tenant alice done",
    "socket create-token admin done",
    "socket revoke-token token 1 done",
  ]);
});

test.each(["7", "0", "x", "1%20OR%201", "99999999999999999999"])(
  "there is no token %s to revoke",
  async (id) => {
    world.token(null);
    const response = await world.ask(`/api/tokens/${id}`, { method: "DELETE" });
    expect(response.status).toBe(404);
    expect(world.store.tokens.list()).toHaveLength(1);
  },
);

test("the audit trail is newest first, and limited", async () => {
  world.administration.addRunning("notes:alice");
  await world.client().call("stopInstance", { params: { ref: "notes:alice" } });
  await world.client().call("startInstance", { params: { ref: "notes:alice" } });
  const all = await world.client().call("listAudit");
  expect(all.map(({ action }) => action)).toEqual(["start", "stop"]);
  expect(all[0]).toEqual({
    at: expect.stringMatching(/Z$/),
    actor: "socket",
    action: "start",
    subject: "notes:alice",
    outcome: "done",
    count: 1,
  });
  expect(await world.client().call("listAudit", { query: { limit: "1" } })).toHaveLength(1);
});

test("refused changes and failed logins are in the audit trail, a row a minute with their count", async () => {
  const token = world.token("bob");
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await world.askOutside("/api/instances/notes:alice/stop", { method: "POST", token });
    await world.askOutside("/api/instances", { token: "wrong" });
  }
  const rows = await world.client().call("listAudit");
  expect(rows.map(({ at: _, ...row }) => row)).toEqual([
    {
      actor: "stranger",
      action: "authenticate",
      subject: "203.0.113.7",
      outcome: "UNAUTHENTICATED",
      count: 3,
    },
    {
      actor: "token 1",
      action: "stop",
      subject: "notes:alice",
      outcome: "FORBIDDEN",
      count: 3,
    },
  ]);
});

test("a tenant's changes and refusals push out no operator's", async () => {
  const { audit } = world.store;
  const row = { at: Date.now(), action: "stop", subject: "notes:alice", outcome: "done" };
  audit.record({ ...row, actor: "socket" });
  for (let count = 0; count < 1000; count += 1)
    audit.record({ ...row, actor: "token 1" }, "tenant");
  const token = world.token("alice");
  world.administration.addRunning("notes:alice");
  await world.askOutside("/api/instances/notes:alice/restart", { method: "POST", token });
  const rows = audit.list(10_000);
  expect(rows).toHaveLength(1001);
  expect(rows[0]).toMatchObject({ actor: "token 1", action: "restart" });
  expect(rows.at(-1)).toMatchObject({ actor: "socket" });
});
