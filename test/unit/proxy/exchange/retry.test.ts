import { expect, test } from "bun:test";
import type { Endpoint } from "../../../../src/core/endpoint.ts";
import { TenError } from "../../../../src/core/errors.ts";
import { GET, ProxyWorld } from "../proxy-world.ts";
import { RawTenant, type Wire } from "../wire.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

/** An address where nothing listens. */
async function deadEndpoint(): Promise<Endpoint> {
  const tenant = await RawTenant.open();
  tenant.close();
  return tenant.endpoint;
}

/** Completes one request, after which the pool has an idle connection. */
async function warm(world: ProxyWorld): Promise<{ client: Wire; tenant: Wire }> {
  const { client, tenant } = await world.request(GET);
  tenant.send(OK);
  await client.take("\r\n\r\nhi");
  return { client, tenant };
}

test.each([
  ["GET", GET],
  ["POST with a body", POST],
])(
  "the proxy repeats a %s through a new lease when the connection is refused",
  async (_, request) => {
    await using world = await ProxyWorld.open();
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
  },
);

test("the proxy answers 502 when an instance refuses two connections", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.run("notes:alice", await deadEndpoint());
  const client = await world.client();
  client.send(GET);
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.gateway.leases).toHaveLength(2);
  expect(world.gateway.openLeases).toBe(0);
});

test("the proxy asks the other instances of a service in turn when some refuse the connection", async () => {
  await using world = await ProxyWorld.open();
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

test("the proxy answers 502 when every instance of a service refuses, and 503 when it has none", async () => {
  await using world = await ProxyWorld.open();
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
  "the proxy asks another instance of a service when one cannot start: %s",
  async (code) => {
    await using world = await ProxyWorld.open();
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

test("the proxy repeats a request when the tenant ends a kept connection", async () => {
  await using world = await ProxyWorld.open();
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
  ["a method that the proxy does not know", "LIST / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["a PUT whose body was read", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"],
])("the proxy answers 502 when the tenant ends the connection of %s", async (_, request) => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(request);
  if (request.endsWith("abc")) await tenant.bytes(3);
  tenant.socket.destroy();
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.tenant.all).toHaveLength(1);
});

test("the proxy does not repeat a request when a byte of its answer has come", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 2");
  tenant.socket.end();
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.tenant.all).toHaveLength(1);
});

test("the proxy answers 502 when a repeated request fails", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.socket.destroy();
  const second = await world.tenant.connection();
  await second.head();
  second.socket.destroy();
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.tenant.all).toHaveLength(2);
});

test("a kept connection serves the next request of any client", async () => {
  await using world = await ProxyWorld.open();
  const { tenant } = await warm(world);
  const other = await world.client();
  other.send(GET);
  await tenant.head();
  tenant.send(OK);
  await other.take("hi");
  expect(world.tenant.all).toHaveLength(1);
});

test("a kept connection serves no other launch", async () => {
  await using world = await ProxyWorld.open();
  const { client } = await warm(world);
  world.gateway.run("notes:alice", world.tenant.endpoint, 2);
  client.send(GET);
  const second = await world.tenant.connection();
  await second.head();
});

test("a kept connection serves a request that can't be repeated only when it has been idle for less than a second", async () => {
  await using world = await ProxyWorld.open();
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

test("a kept connection is closed when it has been idle for four seconds", async () => {
  await using world = await ProxyWorld.open();
  const { tenant } = await warm(world);
  world.clock.move(4250);
  await tenant.untilEnd();
});
