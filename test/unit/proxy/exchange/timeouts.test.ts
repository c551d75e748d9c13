import { expect, test } from "bun:test";
import { GET, ProxyWorld } from "../proxy-world.ts";

const CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

test("the proxy answers 408 when a client has not sent a whole head after 30 seconds", async () => {
  await using world = await ProxyWorld.open();
  const client = await world.client();
  for (const byte of "GET / HTTP/1.1\r\nHost: a\r\nA: bcdef") {
    client.send(byte);
    await world.turns(1);
    world.clock.move(1000);
  }
  const answer = await client.untilEnd();
  expect(answer).toStartWith("HTTP/1.1 408 Request Timeout\r\n");
  expect(world.records.filter(({ status }) => status === 408)).toHaveLength(1);
});

test("the proxy closes a new connection without an answer when nothing arrives for 30 seconds", async () => {
  await using world = await ProxyWorld.open();
  const client = await world.client();
  await world.turns(3);
  world.clock.move(30_250);
  expect(await client.untilEnd()).toBe("");
});

test("the proxy closes an idle connection after 75 seconds", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await client.head();
  world.clock.move(74_000);
  client.send(GET);
  const second = await world.tenant.connection();
  await second.head();
  second.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await client.head();
  world.clock.move(75_500);
  expect(await client.untilEnd()).toBe("");
});

test("the proxy answers 504 when no answer comes in time; waking the instance does not count", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  world.gateway.requestTimeoutMs = 5000;
  const client = await world.client();
  client.send(GET);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.clock.move(60_000);
  world.gateway.run("notes:alice", world.tenant.endpoint);
  const tenant = await world.tenant.connection();
  await tenant.head();
  world.clock.move(4500);
  expect(client.received).toBe("");
  world.clock.move(1000);
  expect(await client.head()).toStartWith("HTTP/1.1 504 Gateway Timeout\r\n");
  await tenant.untilEnd();
  expect(world.gateway.openLeases).toBe(0);
});

test("the time for an answer begins anew with each part of the request that the tenant gets", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.requestTimeoutMs = 5000;
  const { client, tenant } = await world.request(CHUNKED);
  for (let piece = 0; piece < 4; piece += 1) {
    world.clock.move(4000);
    client.send("1\r\nx\r\n");
    await tenant.take("x\r\n");
  }
  expect(client.received).toBe("");
  world.clock.move(5500);
  expect(await client.untilEnd()).toStartWith("HTTP/1.1 504 ");
});

test("the time for an answer has no end when the service sets no limit or the answer has begun", async () => {
  await using world = await ProxyWorld.open();
  const silent = await world.request(GET);
  world.clock.move(3_600_000);
  world.gateway.requestTimeoutMs = 1000;
  const streaming = await world.request(GET);
  streaming.tenant.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  await streaming.client.head();
  world.clock.move(3_600_000);
  streaming.tenant.send("1\r\nx\r\n");
  expect(await streaming.client.bytes(6)).toBe("1\r\nx\r\n");
  world.gateway.requestTimeoutMs = 0;
  silent.tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
});

test("the proxy answers 408 when a client sends nothing of its body for a minute", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(`${CHUNKED}1\r\nx\r\n`);
  await tenant.take("x\r\n");
  world.clock.move(59_000);
  client.send("1\r\ny\r\n");
  await tenant.take("y\r\n");
  world.clock.move(59_000);
  expect(client.received).toBe("");
  world.clock.move(1500);
  expect(await client.untilEnd()).toStartWith("HTTP/1.1 408 ");
  await tenant.untilEnd();
  expect(world.gateway.openLeases).toBe(0);
});

test("the proxy does not answer 408 when the tenant does not read the body", async () => {
  await using world = await ProxyWorld.open();
  const size = 32 * 1024 * 1024;
  const { client, tenant } = await world.request(
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`,
  );
  tenant.socket.pause();
  client.socket.write(Buffer.alloc(size));
  await world.turns();
  world.clock.move(120_000);
  expect(client.received).toBe("");
  tenant.received = "";
  tenant.socket.resume();
  await tenant.until(() => tenant.received.length === size);
});

test("the proxy ends an exchange after 5 silent seconds when its half-closed client can't be probed", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  await client.head();
  client.socket.end();
  while (world.gateway.openLeases > 0) {
    world.clock.move(1000);
    await world.turns(1);
  }
  await tenant.untilEnd();
  expect(world.clock.now()).toBeGreaterThanOrEqual(5000);
});

test("the proxy answers 504 to a half-closed client when no answer comes in time", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.requestTimeoutMs = 5000;
  const { client, tenant } = await world.request(GET);
  client.socket.end();
  while (!client.received.includes("HTTP/1.1 504 ")) {
    world.clock.move(1000);
    await world.turns(1);
  }
  await tenant.untilEnd();
});

test("the proxy probes a half-closed client with a leading zero of the next chunk", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  await client.take("a\r\n");
  client.socket.end();
  while (client.received === "") {
    world.clock.move(250);
    await world.turns(1);
  }
  world.clock.move(60_000);
  tenant.send("1\r\nb\r\n0\r\n\r\n");
  expect(await client.untilEnd()).toBe("01\r\nb\r\n0\r\n\r\n");
});

test("the proxy ends an exchange when its client has closed during a silent stream", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  await client.take("a\r\n");
  client.socket.destroy();
  while (world.gateway.openLeases > 0) {
    world.clock.move(250);
    await world.turns(1);
  }
  await tenant.untilEnd();
});

test("the proxy ends an exchange when its client has closed behind more requests than it takes ahead", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  await client.take("a\r\n");
  client.send(GET.repeat(2000));
  await world.turns(3);
  client.socket.destroy();
  while (world.gateway.openLeases > 0) {
    world.clock.move(250);
    await world.turns(1);
  }
  await tenant.untilEnd();
});

test("the proxy ends an exchange when its client ends within its body", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
  );
  await tenant.bytes(3);
  client.socket.end();
  await tenant.untilEnd();
  await client.untilClosed();
  expect(world.gateway.openLeases).toBe(0);
});
