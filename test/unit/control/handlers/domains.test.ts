import { afterEach, beforeEach, expect, test } from "bun:test";
import { ControlWorld } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
});

afterEach(() => world[Symbol.asyncDispose]());

test("hostnames are added, listed and removed, and each change is recorded", async () => {
  const client = world.client();
  expect(
    await client.call("addDomain", { body: { host: "bücher.example", target: "notes:alice" } }),
  ).toEqual({
    host: "xn--bcher-kva.example",
    target: "notes:alice",
  });
  await client.call("addDomain", { body: { host: "notes.org", target: "notes" } });
  expect(await client.call("listDomains")).toEqual([
    { host: "notes.org", target: "notes" },
    { host: "xn--bcher-kva.example", target: "notes:alice" },
  ]);
  expect(await client.call("listDomains", { query: { target: "notes" } })).toHaveLength(1);
  await client.call("removeDomain", {
    params: { host: "bücher.example" },
    query: { target: "notes:alice" },
  });
  expect(await client.call("listDomains", { query: { target: "notes:alice" } })).toEqual([]);
  expect(world.trail).toEqual([
    "socket add-domain bücher.example notes:alice done",
    "socket add-domain notes.org notes done",
    "socket remove-domain xn--bcher-kva.example done",
  ]);
});

test.each([
  ["bob.notes.localhost", "notes:alice", 409, "CONFLICT"],
  ["localhost", "notes:alice", 409, "CONFLICT"],
  ["127.0.0.1", "notes:alice", 422, "REQUEST_INVALID"],
  ["a..b", "notes:alice", 422, "REQUEST_INVALID"],
  ["alice.org", "notes:carol", 404, "INSTANCE_UNKNOWN"],
  ["alice.org", "No:tes", 422, "REF_INVALID"],
])("%s for %s is refused with %i %s", async (host, target, status, code) => {
  const body = JSON.stringify({ host, target });
  const response = await world.ask("/api/domains", { method: "POST", body });
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ code });
  expect(world.store.domains.list()).toEqual([]);
});

test("a hostname with another target, or none, is not removed", async () => {
  await world.client().call("addDomain", { body: { host: "alice.org", target: "notes:alice" } });
  for (const path of ["alice.org?target=notes:bob", "bob.org", "%zz"]) {
    const response = await world.ask(`/api/domains/${path}`, { method: "DELETE" });
    expect([404, 422]).toContain(response.status);
  }
  expect(world.store.domains.list()).toHaveLength(1);
});

test("a tenant can neither see nor change them", async () => {
  const token = world.token("alice");
  const body = JSON.stringify({ host: "alice.org", target: "notes:alice" });
  expect((await world.askOutside("/api/domains", { token })).status).toBe(403);
  expect((await world.askOutside("/api/domains", { token, method: "POST", body })).status).toBe(
    403,
  );
  expect(
    (await world.askOutside("/api/domains/alice.org", { token, method: "DELETE" })).status,
  ).toBe(403);
});
