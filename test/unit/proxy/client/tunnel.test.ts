import { expect, test } from "bun:test";
import { ProxyWorld } from "../proxy-world.ts";
import type { Wire } from "../wire.ts";

const UPGRADE =
  "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: a, b\r\n\r\n";
const SWITCH =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n";

async function tunneled(world: ProxyWorld): Promise<{ client: Wire; tenant: Wire }> {
  const { client, tenant } = await world.request(UPGRADE);
  tenant.send(SWITCH);
  await client.head();
  return { client, tenant };
}

test("a tunnel carries bytes both ways, those behind the heads included", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant, head } = await world.request(`${UPGRADE}\x81early`);
  expect(head).toContain(
    "\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: a, b\r\nConnection: Upgrade\r\n",
  );
  expect(tenant.received).toBe("");
  tenant.send(`${SWITCH}\x82first`);
  expect(await client.head()).toBe(SWITCH);
  expect(await client.bytes(6)).toBe("\x82first");
  expect(await tenant.bytes(6)).toBe("\x81early");
  for (const text of ["GET / HTTP/1.1\r\n\r\n", "\0\xff\r\n\r\n"]) {
    client.send(text);
    expect(await tenant.bytes(text.length)).toBe(text);
    tenant.send(text);
    expect(await client.bytes(text.length)).toBe(text);
  }
  const [lease] = world.gateway.leases;
  expect(lease?.state).toEqual({ tunneled: true, released: false });
  expect(world.records).toMatchObject([{ status: 101 }]);
});

test("a connection takes further requests when the tenant denies the upgrade", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(UPGRADE);
  tenant.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  expect(await client.take("no")).toBe("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(await tenant.head()).toStartWith("GET /next ");
});

test("the proxy forwards Upgrade when the tenant answers 426", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  tenant.send(
    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
  );
  expect(await client.head()).toBe(
    "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\nConnection: Upgrade\r\n\r\n",
  );
});

test.each([
  ["HTTP/2", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"],
  ["HTTP/2 with a version", "Connection: Upgrade\r\nUpgrade: h2c/1\r\nHTTP2-Settings: x\r\n"],
  ["HTTP/2 in capitals and quotes", 'Connection: upgrade\r\nUpgrade: H2C\r\nUpgrade: "h2c"\r\n'],
  ["a protocol that Connection does not name", "Upgrade: websocket\r\n"],
])("the proxy forwards no upgrade to %s", async (_, lines) => {
  await using world = await ProxyWorld.open();
  const { head } = await world.request(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`);
  expect(head).not.toMatch(/upgrade|settings/i);
});

test.each([
  ["in a list", "Upgrade: websocket, h2c\r\n", "Upgrade: websocket\r\n"],
  ["in a line before", "Upgrade: h2c\r\nUpgrade: websocket\r\n", "Upgrade: websocket\r\n"],
  [
    "between two others",
    "Upgrade: x\r\nUpgrade: h2c\r\nUpgrade: y\r\n",
    "Upgrade: x\r\nUpgrade: y\r\n",
  ],
  ["with its settings", "Upgrade: H2c/2,a/1\r\nHTTP2-Settings: AAMAAABk\r\n", "Upgrade: a/1\r\n"],
])(
  "the proxy drops HTTP/2 %s and forwards the upgrade to another protocol",
  async (_, lines, rest) => {
    await using world = await ProxyWorld.open();
    const { head } = await world.request(
      `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n${lines}\r\n`,
    );
    expect(head).toStartWith(
      `GET / HTTP/1.1\r\nHost: a\r\n${rest}Connection: Upgrade\r\nX-Forwarded-For: `,
    );
  },
);

test("a tunnel holds its lease until both sides have ended", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await tunneled(world);
  client.socket.end("bye");
  expect(await tenant.untilEnd()).toBe("bye");
  tenant.send("still here");
  expect(await client.bytes(10)).toBe("still here");
  expect(world.gateway.openLeases).toBe(1);
  tenant.socket.end("end");
  expect(await client.untilEnd()).toBe("end");
  await world.gateway.until(() => world.gateway.openLeases === 0);
});

test.each(["tenant", "client"] as const)(
  "a tunnel is cut when its %s has ended and the other side is silent for 10 seconds",
  async (ending) => {
    await using world = await ProxyWorld.open();
    const sides = await tunneled(world);
    const silent = ending === "tenant" ? sides.client : sides.tenant;
    sides[ending].socket.end("bye");
    expect(await silent.untilEnd()).toBe("bye");
    world.clock.move(9750);
    silent.send("still here");
    expect(await sides[ending].bytes(10)).toBe("still here");
    world.clock.move(9750);
    expect(world.gateway.openLeases).toBe(1);
    world.clock.move(250);
    await sides[ending].untilEnd();
    expect(world.gateway.openLeases).toBe(0);
  },
);

test("a tunnel ends when one side resets", async () => {
  await using world = await ProxyWorld.open();
  const first = await tunneled(world);
  first.client.socket.resetAndDestroy();
  await first.tenant.untilEnd();
  const second = await tunneled(world);
  second.tenant.socket.resetAndDestroy();
  await second.client.untilEnd();
  await world.gateway.until(() => world.gateway.openLeases === 0);
});

test("a tunnel has no time-out", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.requestTimeoutMs = 1000;
  const { client, tenant } = await tunneled(world);
  world.clock.move(3_600_000);
  tenant.send("x");
  expect(await client.bytes(1)).toBe("x");
});

test("a tunnel pauses each side while the other does not read", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await tunneled(world);
  const size = 24 * 1024 * 1024;
  for (const [from, to] of [
    [client, tenant],
    [tenant, client],
  ] as const) {
    to.socket.pause();
    const accepted = new Promise<void>((resolve) =>
      from.socket.write(Buffer.alloc(size), () => resolve()),
    );
    let done = false;
    void accepted.then(() => {
      done = true;
    });
    await world.turns();
    expect(done).toBe(false);
    to.received = "";
    to.socket.resume();
    await accepted;
    await to.until(() => to.received.length === size);
  }
});

test("a tunnel is idle after the time without a byte, and in use again with the next one", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.tunnelIdleMs = 60_000;
  const { client, tenant } = await tunneled(world);
  const [lease] = world.gateway.leases;
  await world.clock.advance(59_000);
  expect(lease?.state.idle).toBeUndefined();
  client.send("a");
  await tenant.bytes(1);
  await world.clock.advance(59_000);
  expect(lease?.state.idle).toBeUndefined();
  await world.clock.advance(1000);
  expect(lease?.state.idle).toBe(true);
  tenant.send("b");
  await client.bytes(1);
  expect(lease?.state).toEqual({ released: false, tunneled: true, idle: false });
});

test("a tunnel is never idle without such a time", async () => {
  await using world = await ProxyWorld.open();
  await tunneled(world);
  await world.clock.advance(100_000_000);
  expect(world.gateway.leases[0]?.state).toEqual({ released: false, tunneled: true });
});
