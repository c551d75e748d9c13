import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Endpoint } from "../../../../src/core/endpoint.ts";
import { TenError } from "../../../../src/core/errors.ts";
import { GET, ProxyWorld, withTempDirectory } from "../proxy-world.ts";
import { RawTenant, type Wire } from "../wire.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

/** An address where nothing listens. */
async function deadEndpoint(): Promise<Endpoint> {
  const tenant = await RawTenant.open();
  tenant.close();
  return tenant.endpoint;
}

/** After a first attempt: moves the clock, and lets everything react, until the condition holds. */
async function moveUntil(world: ProxyWorld, condition: () => boolean): Promise<void> {
  await world.gateway.until(() => world.gateway.asked.length > 0);
  while (!condition()) {
    world.clock.move(50);
    await world.turns(1);
  }
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
  "the proxy repeats a %s through a new lease when its process has ended and refuses the connection",
  async (_, request) => {
    await using world = await ProxyWorld.open();
    world.gateway.isAlive = false;
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
    expect(world.gateway.asked).toEqual(["alice"]);
    expect(woken).toEqual(["alice"]);
    expect(world.gateway.leases.map(({ state }) => state.released)).toEqual([true, true]);
  },
);

test.each([
  ["GET", GET],
  ["POST with a body", POST],
])("the proxy tries a %s again while the process that refuses it lives", async (_, request) => {
  await using world = await ProxyWorld.open();
  using directory = withTempDirectory();
  const path = join(directory.path, "app.sock");
  world.gateway.run("notes:alice", { kind: "unix", path });
  const client = await world.client();
  client.send(request);
  await moveUntil(world, () => world.gateway.asked.length >= 3);
  expect(client.received).toBe("");
  const tenant = await RawTenant.open(path);
  const connected = tenant.connection();
  await moveUntil(world, () => tenant.all.length > 0);
  const wire = await connected;
  await wire.head();
  wire.send(OK);
  expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
  expect(world.gateway.openLeases).toBe(0);
  tenant.close();
});

test("the proxy answers 502 when a process that lives refuses until request_timeout, with growing pauses", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.requestTimeoutMs = 5000;
  world.gateway.run("notes:alice", await deadEndpoint());
  const client = await world.client();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n");
  const begun = world.clock.now();
  await moveUntil(world, () => client.received !== "");
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.clock.now() - begun).toBeGreaterThanOrEqual(5000);
  expect(world.gateway.leases.length).toBeLessThan(30);
  expect(world.gateway.openLeases).toBe(0);
});

test("the proxy answers 502 when processes that were started for a request end again and again", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.isAlive = false;
  world.gateway.run("notes:alice", await deadEndpoint());
  const client = await world.client();
  client.send(GET);
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  expect(world.gateway.leases).toHaveLength(4);
  expect(world.gateway.openLeases).toBe(0);
});

test("the proxy stops trying when the client leaves between two attempts", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.run("notes:alice", await deadEndpoint());
  const client = await world.client();
  client.send(GET);
  await world.gateway.until(() => world.gateway.asked.length === 1);
  client.socket.resetAndDestroy();
  while (world.records.length === 0) await world.turns(1);
  world.clock.move(1000);
  await world.turns();
  expect(world.gateway.leases).toHaveLength(1);
});

test("a request whose tenant is killed waits for the restart when the process is seen to live a moment longer", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  world.gateway.run("notes:alice", await deadEndpoint());
  tenant.socket.resetAndDestroy();
  await world.gateway.until(() => world.gateway.asked.length === 2);
  world.gateway.isAlive = false;
  world.gateway.running.clear();
  await moveUntil(world, () => world.gateway.waiters.length === 1);
  expect(client.received).toBe("");
  world.gateway.run("notes:alice", world.tenant.endpoint, 2);
  const restarted = await world.tenant.connection();
  await restarted.head();
  restarted.send(OK);
  expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
});

test("a request whose tenant was killed waits for the restart when a reset shows it", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  world.gateway.isAlive = false;
  world.gateway.running.clear();
  tenant.socket.resetAndDestroy();
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.gateway.run("notes:alice", world.tenant.endpoint, 2);
  const restarted = await world.tenant.connection();
  await restarted.head();
  restarted.send(OK);
  expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
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

test("the proxy begins again with the instances of a service when all have refused", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.target = { kind: "service", service: "notes" };
  world.gateway.candidates = ["notes:bob", "notes:carol"];
  world.gateway.run("notes:bob", await deadEndpoint());
  world.gateway.run("notes:carol", await deadEndpoint());
  const client = await world.client();
  client.send(POST);
  await world.gateway.until(() => world.gateway.asked.length === 1);
  expect(world.gateway.leases.map(({ ref }) => ref.id)).toEqual(["bob", "carol"]);
  world.gateway.run("notes:bob", world.tenant.endpoint, 2);
  await moveUntil(world, () => world.tenant.all.length > 0);
  const tenant = await world.tenant.connection();
  await tenant.head();
  tenant.send(OK);
  expect(await client.take("hi")).toStartWith("HTTP/1.1 200 OK");
});

test("the proxy answers 502 when every instance of a service refuses until request_timeout, and 503 when it has none", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.target = { kind: "service", service: "notes" };
  world.gateway.candidates = ["notes:bob"];
  world.gateway.run("notes:bob", await deadEndpoint());
  const client = await world.client();
  client.send(GET);
  await moveUntil(world, () => client.received !== "");
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
