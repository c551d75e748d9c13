import { expect, test } from "bun:test";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { openProxy } from "../../../../src/proxy/listener.ts";
import { GET, NO_LIMITS, ProxyWorld } from "../proxy-world.ts";
import type { Wire } from "../wire.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

test("close() ends idle connections at once and waits for exchanges", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  const { client: idle, tenant: first } = await world.request(GET);
  first.send(OK);
  await idle.take("\r\n\r\nhi");
  first.socket.destroy();
  const streaming = await world.request(GET);
  streaming.tenant.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  await streaming.client.take("x\r\n");
  let closed = false;
  const closing = world.proxy.close().then(() => {
    closed = true;
  });
  await idle.untilEnd();
  tenant.send(OK);
  expect(await client.untilEnd()).toBe(
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
  );
  client.socket.end();
  expect(closed).toBe(false);
  streaming.tenant.send("0\r\n\r\n");
  expect(await streaming.client.untilEnd()).toBe("0\r\n\r\n");
  streaming.client.socket.end();
  await closing;
  await expect(world.client()).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("abort() cuts exchanges", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  world.proxy.abort();
  await client.untilEnd();
  await tenant.untilEnd();
  await world.proxy.close();
  expect(world.gateway.openLeases).toBe(0);
});

test("openProxy() names address and port when another program listens there", async () => {
  await using world = await ProxyWorld.open();
  const { gateway, clock } = world;
  const opening = openProxy({
    gateway,
    clock,
    control: world.tenant.endpoint,
    settings: NO_LIMITS,
    isTenant: () => false,
    observe: () => undefined,
    observeConnection: () => undefined,
    listen: { kind: "address", hosts: ["127.0.0.1"], port: world.proxy.port },
  });
  await expect(opening).rejects.toMatchObject({
    code: "LISTEN_FAILED",
    message: `Cannot listen on "127.0.0.1 port ${world.proxy.port}": another program listens there`,
    hint: "Stop that program, or choose another port with --port",
  });
});

test("openProxy() listens on several hosts with one port", async () => {
  await using world = await ProxyWorld.open();
  const { gateway, clock } = world;
  gateway.target = { kind: "unknown" };
  const several = await openProxy({
    gateway,
    clock,
    control: world.tenant.endpoint,
    settings: NO_LIMITS,
    isTenant: () => false,
    observe: () => undefined,
    observeConnection: () => undefined,
    listen: { kind: "address", hosts: ["127.0.0.1", "127.0.0.2"], port: 0 },
  });
  for (const host of ["127.0.0.1", "127.0.0.2"]) {
    const answer = await fetch(`http://${host}:${several.port}/`, { keepalive: false });
    expect(answer.status).toBe(404);
  }
  several.abort();
  await several.close();
});

test("openProxy() serves on an inherited descriptor", async () => {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { fd } = (listener as unknown as { _handle: { fd: number } })._handle;
  const { port } = listener.address() as AddressInfo;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "inherited-proxy.ts")], {
    stdio: ["ignore", "pipe", "inherit", fd],
  });
  try {
    const { value } = await child.stdout.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe(`${port}\n`);
    listener.close();
    const answer = await fetch(`http://127.0.0.1:${port}/`, { keepalive: false });
    expect(answer.status).toBe(404);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
});

const UPLOAD = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n";

/** A client that got its answer while it still sends the body. */
async function answeredEarly(world: ProxyWorld): Promise<Wire> {
  const client = await world.client();
  world.gateway.target = { kind: "unknown" };
  client.send(UPLOAD);
  expect(await client.untilEnd()).toStartWith("HTTP/1.1 404 ");
  return client;
}

test("a connection whose request was refused is read on for 30 seconds while bytes come", async () => {
  await using world = await ProxyWorld.open();
  const client = await answeredEarly(world);
  for (let second = 0; second < 28; second += 4) {
    client.send("x");
    await world.turns();
    world.clock.move(4000);
  }
  expect(client.closed).toBe(false);
  client.send("x");
  await world.turns();
  world.clock.move(2250);
  client.send("x");
  await client.untilClosed();
});

test("a connection whose request was refused is closed after 5 silent seconds", async () => {
  await using world = await ProxyWorld.open();
  const client = await answeredEarly(world);
  world.clock.move(5250);
  client.send("x");
  await client.untilClosed();
});
