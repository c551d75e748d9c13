import { expect, test } from "bun:test";
import { GET, ProxyWorld } from "../proxy-world.ts";
import type { Wire } from "../wire.ts";

const MEGABYTE = 1024 * 1024;

/** A client that takes nothing of a long answer. */
async function stuck(world: ProxyWorld): Promise<{ client: Wire; tenant: Wire }> {
  const { client, tenant } = await world.request(GET);
  client.socket.pause();
  const bytes = 48 * MEGABYTE;
  tenant.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
  tenant.socket.write(Buffer.alloc(bytes));
  await untilStill(world, () => tenant.socket.writableLength);
  return { client, tenant };
}

/** Resolves when all buffers between the tenant and the client are full. */
async function untilStill(world: ProxyWorld, left: () => number): Promise<void> {
  let last = left();
  for (let still = 0; still < 20; still += 1) {
    await world.turns(10);
    if (left() !== last) still = 0;
    last = left();
  }
}

/** Lets minutes pass until the proxy cuts a connection; the kernel may still move some bytes within the first. */
async function untilCut(world: ProxyWorld): Promise<void> {
  for (; world.fates.length === 0; await world.turns(1)) world.clock.move(61_000);
  await world.gateway.until(() => world.gateway.openLeases === 0);
}

test("a client that takes nothing for 60 seconds is cut, and its lease ends", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await stuck(world);
  world.clock.move(59_000);
  expect(world.gateway.openLeases).toBe(1);
  await untilCut(world);
  await tenant.untilClosed();
  client.socket.resume();
  await client.untilClosed();
  expect(client.error).toBe("ECONNRESET");
  expect(world.fates).toEqual(["stalled"]);
});

test("a client that takes some of its answer within each minute is not cut", async () => {
  await using world = await ProxyWorld.open();
  const { client } = await stuck(world);
  for (let minute = 0; minute < 3; minute += 1) {
    world.clock.move(59_000);
    const before = client.received.length;
    client.socket.resume();
    await client.until(() => client.received.length > before + 4 * MEGABYTE);
    client.socket.pause();
    await world.turns();
  }
  expect(world.gateway.openLeases).toBe(1);
});

test("a tunnel whose client takes nothing for 60 seconds is cut", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  tenant.send(
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  await client.head();
  client.socket.pause();
  tenant.socket.write(Buffer.alloc(48 * MEGABYTE));
  await world.turns();
  await untilCut(world);
  await tenant.untilClosed();
});

test("of the clients that hold too much together, the one that has stood still for longest is cut", async () => {
  await using world = await ProxyWorld.open({ bufferLimitBytes: 3 * MEGABYTE });
  const clients: Wire[] = [];
  for (; world.fates.length === 0; world.clock.move(1000)) {
    clients.push((await stuck(world)).client);
  }
  // Each holds about a megabyte; the rest of its answer waits with the tenant.
  expect(clients.length).toBeGreaterThan(2);
  const cut = world.fates.length;
  await world.gateway.until(() => world.gateway.openLeases === clients.length - cut);
  const released = world.gateway.leases.map(({ state }) => state.released);
  expect(released).toEqual(clients.map((_, index) => index < cut));
  expect(new Set(world.fates)).toEqual(new Set(["buffers"]));
});

test("one address gets a bounded number of connections, and its next ones a 503", async () => {
  await using world = await ProxyWorld.open({ maxConnectionsPerAddress: 2 });
  world.gateway.target = { kind: "unknown" };
  const first = await world.client();
  await world.client();
  const refused = await world.client();
  const answer = await refused.untilEnd();
  expect(answer).toStartWith("HTTP/1.1 503 ");
  expect(answer).toContain("\r\nRetry-After: 1\r\n");
  expect(answer).toContain('"code":"TOO_MANY_CONNECTIONS"');
  first.socket.destroy();
  await first.untilClosed();
  refused.socket.destroy();
  await refused.untilClosed();
  await world.turns(10);
  expect(world.fates).toEqual(["address"]);
});

test("a trusted proxy gets as many connections as it opens", async () => {
  await using world = await ProxyWorld.open({
    maxConnectionsPerAddress: 1,
    trustedProxies: ["127.0.0.1"],
  });
  await world.client();
  await world.client();
  await world.turns(10);
  expect(world.fates).toEqual([]);
});

test("the client that has been idle for longest makes room for a new one; without such a client there is a 503", async () => {
  await using world = await ProxyWorld.open({ maxConnections: 4, maxConnectionsPerAddress: 9 });
  const { client: idle, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  await idle.head();
  world.clock.move(1000);
  await world.request(GET);
  await world.request(GET);
  await world.client();
  await world.client();
  await idle.untilEnd();
  const refused = await world.client();
  expect(await refused.untilEnd()).toContain('"code":"NO_ROOM"');
  expect(world.fates).toEqual(["idle", "limit"]);
  expect(world.gateway.openLeases).toBe(2);
});

test("one instance gets half of all connections, and its next requests a 503", async () => {
  await using world = await ProxyWorld.open({ maxConnections: 4, maxConnectionsPerAddress: 9 });
  const { tenant } = await world.request(GET);
  await world.request(GET);
  const refused = await world.client();
  refused.send(GET);
  expect(await refused.head()).toMatch(/^HTTP\/1.1 503 (.*\r\n)*Retry-After: 1\r\n/);
  expect(world.gateway.openLeases).toBe(2);
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await world.gateway.until(() => world.gateway.openLeases === 1);
  refused.send(GET);
  expect(await tenant.head()).toStartWith("GET / ");
});
