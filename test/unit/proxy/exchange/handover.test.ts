import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Endpoint } from "../../../../src/core/endpoint.ts";
import { TenError } from "../../../../src/core/errors.ts";
import { GET, ProxyWorld, withTempDirectory } from "../proxy-world.ts";
import { RawTenant, type Wire } from "../wire.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const LAST = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

/** Makes the proxy forward to a next server, which serves once `serves` is called. */
async function forwardTo(world: ProxyWorld): Promise<{ next: RawTenant; serves: () => void }> {
  const next = await RawTenant.open();
  const { promise, resolve } = Promise.withResolvers<Endpoint>();
  world.proxy.forwardTo(promise);
  return { next, serves: () => resolve(next.endpoint) };
}

async function takeRequest(tenant: RawTenant): Promise<{ wire: Wire; head: string }> {
  const wire = await tenant.connection();
  return { wire, head: await wire.head() };
}

describe("a proxy whose server is being replaced", () => {
  test("forwards requests with the client's address when the next server serves", async () => {
    await using world = await ProxyWorld.open();
    const { next, serves } = await forwardTo(world);
    const client = await world.client();
    client.send(GET);
    await world.turns(0);
    serves();
    const { wire, head } = await takeRequest(next);
    expect(head).toContain("X-Forwarded-For: 127.0.0.1\r\n");
    expect(world.gateway.decided).toEqual([]);
    wire.send(OK);
    expect(await client.take("hi")).toBe(OK);
    next.close();
  });

  test("forwards requests that waited for a tenant, with their bodies", async () => {
    await using world = await ProxyWorld.open({ asleep: true });
    const client = await world.client();
    client.send("POST / HTTP/1.1\r\nHost: alice.notes.test\r\nContent-Length: 4\r\n\r\nbody");
    await world.gateway.until(() => world.gateway.waiters.length === 1);
    const { next, serves } = await forwardTo(world);
    world.gateway.refuse(new TenError("INSTANCE_UNAVAILABLE", "Cannot wait: another server"));
    serves();
    const { wire } = await takeRequest(next);
    expect(await wire.bytes(4)).toBe("body");
    wire.send(OK);
    expect(await client.take("hi")).toBe(OK);
    next.close();
  });

  test("forwards a request when the tenant refuses the connection", async () => {
    await using world = await ProxyWorld.open();
    const gone = await RawTenant.open();
    gone.close();
    world.gateway.run("notes:alice", gone.endpoint);
    const { next, serves } = await forwardTo(world);
    serves();
    const client = await world.client();
    client.send(GET);
    (await takeRequest(next)).wire.send(OK);
    expect(await client.take("hi")).toBe(OK);
    next.close();
  });

  test("forwards requests to tenants again when the replacement has failed", async () => {
    await using world = await ProxyWorld.open();
    await forwardTo(world);
    world.proxy.serve(world.gateway);
    const { client, tenant } = await world.request(GET);
    tenant.send(OK);
    expect(await client.take("hi")).toBe(OK);
  });
});

describe("a proxy that retires", () => {
  test("ends each connection with its next answer, which says so", async () => {
    await using world = await ProxyWorld.open();
    const { client: idle, tenant } = await world.request(GET);
    // The tenant ends each of its connections, so that every request comes on a new one.
    tenant.send(LAST);
    await idle.take("hi");
    const fresh = await world.client();
    const { client: busy, tenant: late } = await world.request(GET);
    // Its head is out already, without a word about the end.
    late.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    await busy.head();
    let left = 3;
    const retired = world.proxy.retire().then(() => expect(left).toBe(0));
    late.send("hi");
    await busy.take("hi");
    late.socket.destroy();
    for (const client of [idle, busy, fresh]) {
      expect(client.ended).toBe(false);
      client.send(GET);
      const { wire } = await takeRequest(world.tenant);
      wire.send(LAST);
      expect(await client.untilEnd()).toBe(LAST);
      left -= 1;
      client.socket.end();
    }
    await retired;
    await expect(world.client()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("waits for tunnels to end", async () => {
    await using world = await ProxyWorld.open();
    const { client, tenant } = await world.request(
      "GET / HTTP/1.1\r\nHost: alice.notes.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    );
    tenant.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    await client.head();
    const retired = world.proxy.retire();
    client.send("ping");
    expect(await tenant.take("ping")).toBe("ping");
    tenant.send("pong");
    expect(await client.take("pong")).toBe("pong");
    client.socket.end();
    tenant.socket.end();
    await retired;
  });
});

describe("a request relayed by a previous server", () => {
  test("reaches the tenant with the headers of that server and no further hop", async () => {
    using directory = withTempDirectory();
    await using world = await ProxyWorld.open();
    const path = `${directory.path}/relay`;
    world.proxy.openRelay(path);
    await using previous = await ProxyWorld.open({ trustedProxies: ["127.0.0.1"] });
    previous.proxy.forwardTo(Promise.resolve({ kind: "unix", path }));
    const client = await previous.client();
    client.send(
      "GET /a%2Fb HTTP/1.1\r\nHost: Alice.notes.test\r\nX-Forwarded-For: 203.0.113.7\r\n" +
        "X-Forwarded-Proto: https\r\nX-Request-Id: 17\r\nForwarded: for=203.0.113.7\r\n\r\n",
    );
    const { head } = await takeRequest(world.tenant);
    expect(head).toBe(
      "GET /a%2Fb HTTP/1.1\r\nHost: Alice.notes.test\r\nForwarded: for=203.0.113.7\r\n" +
        "X-Forwarded-For: 203.0.113.7, 127.0.0.1\r\nX-Forwarded-Host: Alice.notes.test\r\n" +
        "X-Forwarded-Proto: https\r\nX-Request-Id: 17\r\n\r\n",
    );
  });

  test.skipIf(process.platform !== "linux")(
    "reaches the newest relay, and the former one is closed",
    async () => {
      using directory = withTempDirectory();
      await using world = await ProxyWorld.open();
      const listeners = () =>
        readFileSync("/proc/net/unix", "utf8").split(directory.path).length - 1;
      for (let round = 0; round < 3; round += 1) world.proxy.openRelay(`${directory.path}/relay`);
      while (listeners() > 1) await Bun.sleep(1);
      const socket = await Bun.connect({
        unix: `${directory.path}/relay`,
        socket: { data: () => undefined },
      });
      socket.end();
    },
  );

  test("becomes a tunnel through both servers when it is an upgrade", async () => {
    using directory = withTempDirectory();
    await using world = await ProxyWorld.open();
    const path = `${directory.path}/relay`;
    world.proxy.openRelay(path);
    await using previous = await ProxyWorld.open();
    previous.proxy.forwardTo(Promise.resolve({ kind: "unix", path }));
    const client = await previous.client();
    client.send(
      "GET / HTTP/1.1\r\nHost: alice.notes.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    );
    const { wire, head } = await takeRequest(world.tenant);
    expect(head).toContain("Upgrade: x\r\n");
    wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    expect(await client.head()).toStartWith("HTTP/1.1 101 ");
    client.send("ping");
    expect(await wire.take("ping")).toBe("ping");
    wire.send("pong");
    expect(await client.take("pong")).toBe("pong");
    expect(world.gateway.leases[0]?.state).toEqual({ released: false, tunneled: true });
  });

  test("wakes an instance in the name of its client", async () => {
    using directory = withTempDirectory();
    await using world = await ProxyWorld.open({ asleep: true });
    const path = `${directory.path}/relay`;
    world.proxy.openRelay(path);
    await using previous = await ProxyWorld.open();
    previous.proxy.forwardTo(Promise.resolve({ kind: "unix", path }));
    (await previous.client()).send(GET);
    await world.gateway.until(() => world.gateway.waiters.length === 1);
    expect(world.gateway.waiters[0]?.patience.by).toBe("a request from 127.0.0.1");
  });
});
