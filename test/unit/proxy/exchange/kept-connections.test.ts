import { expect, test } from "bun:test";
import { GET, ProxyWorld } from "../proxy-world.ts";
import type { Wire } from "../wire.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

/** Completes one request, after which the pool has an idle connection. */
async function warm(world: ProxyWorld): Promise<{ client: Wire; tenant: Wire }> {
  const { client, tenant } = await world.request(GET);
  tenant.send(OK);
  await client.take("\r\n\r\nhi");
  return { client, tenant };
}

/** Sends a request that the tenant gets on that connection, and answers it. */
async function ask({ client, tenant }: { client: Wire; tenant: Wire }, request: string) {
  client.send(request);
  await tenant.head();
  tenant.received = "";
  tenant.send(OK);
  await client.take("hi");
}

/** Sends a request that the tenant gets on a new connection. */
async function askAnew(world: ProxyWorld, client: Wire, request: string): Promise<Wire> {
  client.send(request);
  const tenant = await world.tenant.connection();
  await tenant.head();
  tenant.send(OK);
  await client.take("hi");
  return tenant;
}

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

test("a request that can't be repeated uses no kept connection before the tenant has proved to keep them", async () => {
  await using world = await ProxyWorld.open();
  const { client } = await warm(world);
  await askAnew(world, client, POST);
  await askAnew(world, client, POST);
});

test.each([
  ["has answered a second request", (pair: { client: Wire; tenant: Wire }) => ask(pair, GET), 0],
  ["has been open for half a second", () => Promise.resolve(), 500],
])(
  "a request that can't be repeated uses a kept connection when one of its launch %s",
  async (_, prove, idleMs) => {
    await using world = await ProxyWorld.open();
    const pair = await warm(world);
    await prove(pair);
    world.clock.move(idleMs);
    await ask(pair, POST);
    expect(world.tenant.all).toHaveLength(1);
  },
);

test("a launch proves nothing for the next one", async () => {
  await using world = await ProxyWorld.open();
  const { client } = await world.proveKeepAlive();
  world.gateway.run("notes:alice", world.tenant.endpoint, 2);
  await askAnew(world, client, GET);
  await askAnew(world, client, POST);
});

test("a kept connection serves a request that can't be repeated only when it has been idle for less than a second", async () => {
  await using world = await ProxyWorld.open();
  const pair = await world.proveKeepAlive();
  world.clock.move(900);
  await ask(pair, POST);
  world.clock.move(1100);
  await askAnew(world, pair.client, POST);
});

test("a kept connection serves a request that can't be repeated only within half the time that the tenant keeps them", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.proveKeepAlive();
  world.clock.move(600);
  tenant.socket.end();
  await tenant.untilEnd();
  const next = await askAnew(world, client, GET);
  world.clock.move(250);
  await ask({ client, tenant: next }, POST);
  world.clock.move(350);
  await askAnew(world, client, POST);
});

test("a launch that closes a connection right behind its answer gets no kept connections for ten seconds", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await warm(world);
  tenant.socket.end();
  await tenant.untilEnd();
  await askAnew(world, client, GET);
  world.clock.move(9000);
  await askAnew(world, client, GET);
  world.clock.move(1000);
  const pair = { client, tenant: await askAnew(world, client, GET) };
  await ask(pair, GET);
  await ask(pair, POST);
});

test("a launch that closes a connection right behind its answer is known by a request that found it closed", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await warm(world);
  client.send(GET);
  await tenant.head();
  tenant.socket.end();
  const second = await world.tenant.connection();
  await second.head();
  second.send(OK);
  await client.take("hi");
  await askAnew(world, client, GET);
});
