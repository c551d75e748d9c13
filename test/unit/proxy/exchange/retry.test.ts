import { expect, test } from "bun:test";
import type { Endpoint } from "../../../../src/core/endpoint.ts";
import { TenError } from "../../../../src/core/errors.ts";
import { GET, RawTenant, type Wire, World } from "../world.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

/** An address where nobody listens. */
async function deadEndpoint(): Promise<Endpoint> {
  const tenant = await RawTenant.open();
  tenant.close();
  return tenant.endpoint;
}

/** Leaves the client with one connection to its tenant at rest in the pool. */
async function warm(world: World): Promise<{ client: Wire; tenant: Wire }> {
  const { client, tenant } = await world.request(GET);
  tenant.send(OK);
  await client.take("\r\n\r\nhi");
  return { client, tenant };
}

test.each([
  ["GET", GET],
  ["POST with a body", POST],
])("tries a refused %s once more, through a fresh lease", async (_, request) => {
  await using world = await World.open();
  world.gateway.run("notes:alice", await deadEndpoint());
  const woken: string[] = [];
  const wake = world.gateway.wake.bind(world.gateway);
  world.gateway.wake = (ref, patience) => {
    woken.push(ref.id);
    world.gateway.run("notes:alice", world.tenant.endpoint, 2);
    return wake(ref, patience);
  };
  const { client, tenant } = await world.request(request);
  tenant.send(OK);
  expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
  expect(woken).toEqual(["alice"]);
  expect(world.gateway.leases.map(({ state }) => state.released)).toEqual([true, true]);
});

test("is a bad gateway for an instance that refuses twice", async () => {
  await using world = await World.open();
  world.gateway.run("notes:alice", await deadEndpoint());
  const client = await world.client();
  client.send(GET);
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.gateway.leases).toHaveLength(2);
  expect(world.gateway.openLeases).toBe(0);
});

test("passes over picks that refuse, one after the other", async () => {
  await using world = await World.open();
  world.gateway.target = { kind: "service", service: "notes" };
  world.gateway.candidates = ["notes:bob", "notes:carol", "notes:alice"];
  world.gateway.run("notes:bob", await deadEndpoint());
  world.gateway.run("notes:carol", await deadEndpoint());
  const { client, tenant } = await world.request(POST);
  tenant.send(OK);
  expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
  expect(world.gateway.leases.map(({ ref }) => ref.id)).toEqual(["bob", "carol", "alice"]);
  expect(world.records.map(({ ref }) => ref?.id)).toEqual(["alice"]);
});

test("is a bad gateway when every pick refuses, and unavailable when there is none", async () => {
  await using world = await World.open();
  world.gateway.target = { kind: "service", service: "notes" };
  world.gateway.candidates = ["notes:bob"];
  world.gateway.run("notes:bob", await deadEndpoint());
  const client = await world.client();
  client.send(GET);
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  await client.take("}\n");
  world.gateway.candidates = [];
  client.send(GET);
  expect(await client.head()).toContain("Retry-After: ");
  expect(await client.take("}\n")).toContain("INSTANCE_UNAVAILABLE");
});

test.each(["START_FAILED", "LEVEL_MISSING", "PORTS_EXHAUSTED"] as const)(
  "asks another instance of a service when one cannot start: %s",
  async (code) => {
    await using world = await World.open();
    world.gateway.target = { kind: "service", service: "notes" };
    world.gateway.candidates = ["notes:bob", "notes:alice"];
    const client = await world.client();
    client.send(GET);
    await world.gateway.until(() => world.gateway.waiters.length === 1);
    world.gateway.refuse(new TenError(code, "Cannot start"));
    const tenant = await world.tenant.connection();
    await tenant.head();
    tenant.send(OK);
    expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
  },
);

test("repeats a request whose kept connection had ended", async () => {
  await using world = await World.open();
  const { client, tenant } = await warm(world);
  client.send(GET);
  await tenant.head();
  tenant.socket.destroy();
  const second = await world.tenant.connection();
  await second.head();
  second.send(OK);
  expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
  expect(world.gateway.openLeases).toBe(0);
});

test.each([
  ["a POST, which may have done something", "POST / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a PUT whose body was read", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"],
])("does not repeat %s", async (_, request) => {
  await using world = await World.open();
  const { client, tenant } = await world.request(request);
  if (request.endsWith("abc")) await tenant.bytes(3);
  tenant.socket.destroy();
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.tenant.all).toHaveLength(1);
});

test("does not repeat a request once a byte of its answer has come", async () => {
  await using world = await World.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 2");
  tenant.socket.end();
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.tenant.all).toHaveLength(1);
});

test("repeats only once", async () => {
  await using world = await World.open();
  const { client, tenant } = await world.request(GET);
  tenant.socket.destroy();
  const second = await world.tenant.connection();
  await second.head();
  second.socket.destroy();
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.tenant.all).toHaveLength(2);
});

test("keeps connections for the next request of anybody", async () => {
  await using world = await World.open();
  const { tenant } = await warm(world);
  const other = await world.client();
  other.send(GET);
  await tenant.head();
  tenant.send(OK);
  await other.take("hi");
  expect(world.tenant.all).toHaveLength(1);
});

test("never keeps a connection over to another launch", async () => {
  await using world = await World.open();
  const { client } = await warm(world);
  world.gateway.run("notes:alice", world.tenant.endpoint, 2);
  client.send(GET);
  const second = await world.tenant.connection();
  await second.head();
});

test("uses only a lively connection for a request that cannot be repeated", async () => {
  await using world = await World.open();
  const { client, tenant } = await warm(world);
  world.clock.move(900);
  client.send(POST);
  expect(await tenant.take("abc")).toContain("POST /");
  tenant.send(OK);
  await client.take("hi");
  world.clock.move(1100);
  client.send(POST);
  const second = await world.tenant.connection();
  expect(await second.take("abc")).toContain("POST /");
});

test("ends connections to tenants that have rested for four seconds", async () => {
  await using world = await World.open();
  const { tenant } = await warm(world);
  world.clock.move(4250);
  await tenant.untilEnd();
});
