import { expect, test } from "bun:test";
import { TenError } from "../../../../src/core/errors.ts";
import { GET, ProxyWorld } from "../proxy-world.ts";

const NAVIGATION = "GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html,*/*\r\n\r\n";

test("the proxy holds a request and its body until the instance runs", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  const client = await world.client();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  expect(world.gateway.waiters[0]?.patience.by).toBe("a request from 127.0.0.1");
  world.clock.move(20_000);
  world.gateway.run("notes:alice", world.tenant.endpoint);
  const tenant = await world.tenant.connection();
  await tenant.head();
  expect(await tenant.bytes(3)).toBe("abc");
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  expect(await client.head()).toStartWith("HTTP/1.1 200 OK");
});

test.each([
  ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", true],
  ["HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true],
  ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", false],
  ["GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false],
])("a wake by %j is safe: %p", async (request, isSafe) => {
  await using world = await ProxyWorld.open({ asleep: true });
  (await world.client()).send(request);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  expect(world.gateway.waiters[0]?.patience.isSafe).toBe(isSafe);
});

test("the proxy pauses a client when its request waits for the instance", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  const client = await world.client();
  const size = 32 * 1024 * 1024;
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
  client.socket.write(Buffer.alloc(size, "x"));
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  expect(client.socket.writableLength).toBeGreaterThan(size / 2);
  world.gateway.run("notes:alice", world.tenant.endpoint);
  const tenant = await world.tenant.connection();
  await tenant.head();
  let count = tenant.received.length;
  tenant.socket.on("data", (bytes: Buffer) => {
    count += bytes.length;
    tenant.received = "";
  });
  await tenant.until(() => count === size);
});

test("the proxy stops waiting for an instance when the client leaves", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  const client = await world.client();
  client.send(GET);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  client.socket.resetAndDestroy();
  await world.gateway.until(() => world.gateway.waiters.length === 0);
  await world.gateway.until(() => world.records.length === 1);
  expect(world.records[0]?.status).toBe(499);
});

test("the proxy probes clients that send no more, and stops waiting for those that are gone", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  const waits = await world.client();
  const leaves = await world.client();
  waits.send(GET);
  leaves.send(GET);
  await world.gateway.until(() => world.gateway.waiters.length === 2);
  waits.socket.end();
  leaves.socket.destroy();
  while (world.gateway.waiters.length > 1) {
    world.clock.move(250);
    await Bun.sleep(1);
  }
  await waits.take("HTTP/1.1 100 Continue\r\n\r\n");
  world.gateway.run("notes:alice", world.tenant.endpoint);
  const tenant = await world.tenant.connection();
  await tenant.head();
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  expect(await waits.untilEnd()).toEndWith("\r\n\r\nhi");
});

test("the proxy releases a lease that is granted after the client has left", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  const { promise, resolve } = Promise.withResolvers<void>();
  const open = world.gateway.lease.bind(world.gateway);
  world.gateway.wake = async (ref) => {
    await promise;
    const lease = open(ref);
    if (lease === null) throw new Error("no lease");
    return lease;
  };
  const client = await world.client();
  client.send(GET);
  await world.gateway.until(() => world.gateway.decided.length === 1 || client.closed);
  client.socket.resetAndDestroy();
  while (world.records.length === 0) await Bun.sleep(1);
  world.gateway.run("notes:alice", world.tenant.endpoint);
  resolve();
  await world.gateway.until(() => world.gateway.leases.length === 1);
  await world.gateway.until(() => world.gateway.openLeases === 0);
});

test.each([
  ["START_FAILED", 503, "3", "START_FAILED"],
  ["LEVEL_MISSING", 503, "3", "START_FAILED"],
  ["PORTS_EXHAUSTED", 503, "3", "START_FAILED"],
  ["STORAGE_FAILED", 503, "3", "START_FAILED"],
  ["QUEUE_FULL", 503, "3", "QUEUE_FULL"],
  ["INSTANCE_UNAVAILABLE", 503, "3", "INSTANCE_UNAVAILABLE"],
  ["INSTANCE_UNKNOWN", 404, null, "INSTANCE_UNKNOWN"],
] as const)(
  "the proxy answers every waiting request when waking fails with %s",
  async (code, status, retryAfter, told) => {
    await using world = await ProxyWorld.open({ asleep: true });
    const clients = [await world.client(), await world.client()];
    for (const client of clients) client.send(GET);
    await world.gateway.until(() => world.gateway.waiters.length === 2);
    const secret = 'Cannot start "notes:alice": /srv/app exited, port 30001';
    const hint = "Correct command in /srv/tenement.toml, or chmod o+x /srv";
    world.gateway.refuse(new TenError(code, secret, { retryAfterMs: 2100, hint }));
    for (const client of clients) {
      const head = await client.head();
      expect(head).toStartWith(`HTTP/1.1 ${status} `);
      expect(/Retry-After: (.*)\r\n/.exec(head)?.[1] ?? null).toBe(retryAfter);
      const body = await client.take("}\n");
      expect(JSON.parse(body)).toMatchObject({ code: told });
      expect(head + body).not.toMatch(/srv|30001|alice|chmod/);
    }
    expect(world.records[0]?.cause).toMatchObject({ message: secret });
  },
);

test("the proxy answers 500 without details when waking fails with an unexpected error", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  const client = await world.client();
  client.send(GET);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.gateway.refuse(new Error("secret"));
  expect(await client.head()).toStartWith("HTTP/1.1 500 ");
  expect(await client.take("}\n")).not.toContain("secret");
});

test("the proxy answers a browser with the waiting page after a second, and stops waiting", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  world.gateway.waitingPage = true;
  const browser = await world.client();
  const program = await world.client();
  browser.send(NAVIGATION);
  program.send(GET);
  await world.gateway.until(() => world.gateway.waiters.length === 2);
  world.clock.move(900);
  expect(world.gateway.waiters).toHaveLength(2);
  world.clock.move(300);
  const head = await browser.head();
  expect(head).toStartWith("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html");
  expect(head).toContain("\r\nRetry-After: 1\r\n");
  expect(head).toContain("\r\nCache-Control: no-store\r\n");
  expect(head).toContain("\r\nRefresh: 1\r\n");
  expect(await browser.take("</html>\n")).toContain("This application is waking up");
  expect(world.gateway.waiters).toHaveLength(1);
  world.gateway.run("notes:alice", world.tenant.endpoint);
  await (await world.tenant.connection()).head();
  expect(program.received).toBe("");
});

test("the proxy shows no waiting page when the service has none", async () => {
  await using world = await ProxyWorld.open({ asleep: true });
  const browser = await world.client();
  browser.send(NAVIGATION);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.clock.move(60_000);
  expect(world.gateway.waiters).toHaveLength(1);
  expect(browser.received).toBe("");
});

test("the proxy shows no waiting page to a request that waits for another one to end", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.waitingPage = true;
  world.gateway.full.add("notes:alice");
  const browser = await world.client();
  browser.send(NAVIGATION);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  world.clock.move(60_000);
  expect(browser.received).toBe("");
  world.gateway.run("notes:alice", world.tenant.endpoint);
  await (await world.tenant.connection()).head();
});

test("a request for a service goes to an instance that has room, and waits when none has", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.target = { kind: "service", service: "notes" };
  world.gateway.candidates = ["notes:alice", "notes:bob"];
  world.gateway.run("notes:bob", world.tenant.endpoint);
  world.gateway.full.add("notes:alice");
  await world.request(GET);
  expect(world.gateway.leases.at(-1)?.ref.id).toBe("bob");
  world.gateway.full.add("notes:bob");
  const client = await world.client();
  client.send(GET);
  await world.gateway.until(() => world.gateway.waiters.length === 1);
  expect(world.gateway.waiters[0]?.ref.id).toBe("alice");
});
