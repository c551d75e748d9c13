import { expect, test } from "bun:test";
import { join } from "node:path";
import { GET, NO_LIMITS, ProxyWorld, withTempDirectory } from "../proxy-world.ts";
import { RawTenant } from "../wire.ts";

/** A head without the lines that the proxy adds. */
function withoutAdded(head: string): string {
  return head.replace(
    /X-Forwarded-For: .*\r\nX-Forwarded-Host: .*\r\nX-Forwarded-Proto: .*\r\nX-Request-Id: .*\r\n/,
    "",
  );
}

test("the proxy forwards a request and its answer", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant, head } = await world.request(GET);
  expect(head).toMatch(
    /^GET \/ HTTP\/1\.1\r\nHost: alice\.notes\.test\r\nX-Forwarded-For: 127\.0\.0\.1\r\nX-Forwarded-Host: alice\.notes\.test\r\nX-Forwarded-Proto: http\r\nX-Request-Id: [0-9a-f-]{36}\r\n\r\n$/,
  );
  tenant.send("HTTP/1.1 200 Fine, thanks\r\nContent-Length: 2\r\nX-a: 1\r\nx-A: 2\r\n\r\nhi");
  expect(await client.take("hi")).toBe(
    "HTTP/1.1 200 Fine, thanks\r\nContent-Length: 2\r\nX-a: 1\r\nx-A: 2\r\n\r\nhi",
  );
  expect(world.gateway.openLeases).toBe(0);
  expect(world.records).toEqual([
    { ref: { service: "notes", id: "alice" }, status: 200, durationMs: 0, cause: null },
  ]);
});

test("the proxy keeps the target, and order, case, repetition and latin-1 bytes of headers", async () => {
  await using world = await ProxyWorld.open();
  const lines =
    "PATCH //a/../b%2Fc/%zz?&x=%20#f HTTP/1.1\r\nhOST: Alice.Notes.Test.:80\r\nCookie: a\r\nAuthorization: Basic x\r\ncookie: b\r\n" +
    "X-Latin: caf\xe9\xff\r\nX-Empty: \r\nContent-Length: 0\r\n\r\n";
  const { head } = await world.request(lines);
  expect(withoutAdded(head)).toBe(lines);
  expect(world.gateway.decided).toEqual([
    { hostname: "alice.notes.test", path: "//a/../b%2Fc/%zz" },
  ]);
});

test("the proxy removes hop-by-hop headers and those that Connection names, but not the framing", async () => {
  await using world = await ProxyWorld.open();
  const { head, tenant } = await world.request(
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Secret, Content-Length, Host\r\nKeep-Alive: timeout=5\r\n" +
      "TE: trailers\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nUpgrade: websocket\r\nX-Secret: 1\r\nContent-Length: 3\r\nX-Kept: 1\r\n\r\nabc",
  );
  expect(withoutAdded(head)).toBe(
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Kept: 1\r\n\r\n",
  );
  expect(await tenant.bytes(3)).toBe("abc");
});

test("the proxy replaces forwarded headers when the peer is not trusted", async () => {
  await using world = await ProxyWorld.open();
  const { head } = await world.request(
    "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n" +
      "X-FORWARDED-HOST: evil\r\nX-Request-Id: evil\r\nForwarded: for=6.6.6.6\r\n\r\n",
  );
  expect(withoutAdded(head)).toBe("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(head).not.toMatch(/evil|6\.6\.6\.6|https/);
});

test("the proxy keeps forwarded headers and adds the peer to the chain when the peer is trusted", async () => {
  await using world = await ProxyWorld.open({ trustedProxies: ["127.0.0.0/8"] });
  const { head } = await world.request(
    "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n" +
      "X-Forwarded-Host: shop.test\r\nX-Request-Id: abc\r\nForwarded: for=203.0.113.9\r\n\r\n",
  );
  expect(head).toBe(
    "GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=203.0.113.9\r\nX-Forwarded-For: 203.0.113.9, 10.0.0.1, 127.0.0.1\r\n" +
      "X-Forwarded-Host: shop.test\r\nX-Forwarded-Proto: https\r\nX-Request-Id: abc\r\n\r\n",
  );
});

test.skipIf(process.platform !== "linux")(
  "the proxy believes no tenant, whatever address its connection comes from",
  async () => {
    await using world = await ProxyWorld.open({ trustedProxies: ["127.0.0.1"] });
    const request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n";
    world.tenants.add(process.geteuid?.() ?? -1);
    expect((await world.request(request)).head).toContain("X-Forwarded-For: 127.0.0.1\r\n");
    world.tenants.clear();
    const { head } = await world.request(request);
    expect(head).toContain("X-Forwarded-For: 203.0.113.9, 127.0.0.1\r\n");
  },
);

test("the API is told the client's address, which no client can set", async () => {
  await using world = await ProxyWorld.open({ trustedProxies: ["127.0.0.1"] });
  world.gateway.target = { kind: "control" };
  const { head } = await world.request(
    "GET /api HTTP/1.1\r\nHost: a\r\nX-Ten-Client: 6.6.6.6\r\nx_ten_client: 6.6.6.6\r\n" +
      "X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n\r\n",
  );
  expect(head.match(/^X.Ten.Client: .*$/gim)).toEqual(["X-Ten-Client: 203.0.113.9"]);
});

test("a tenant is sent no client address that a client has made up", async () => {
  await using world = await ProxyWorld.open();
  const { head } = await world.request(
    "GET / HTTP/1.1\r\nHost: a\r\nX-Ten-Client: 6.6.6.6\r\n\r\n",
  );
  expect(withoutAdded(head)).toBe("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
});

test("configure() applies from the next connection on", async () => {
  await using world = await ProxyWorld.open();
  const request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n";
  expect((await world.request(request)).head).toContain("X-Forwarded-For: 127.0.0.1\r\n");
  world.proxy.configure({ ...NO_LIMITS, trustedProxies: ["127.0.0.1"] });
  const { head } = await world.request(request);
  expect(head).toContain("X-Forwarded-For: 203.0.113.9, 127.0.0.1\r\n");
});

test("the proxy forwards an absolute target in origin form", async () => {
  await using world = await ProxyWorld.open();
  const { head } = await world.request("GET http://A.test?x=1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
  expect(withoutAdded(head)).toBe("GET /?x=1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
  expect(world.gateway.decided).toEqual([{ hostname: "a.test", path: "/" }]);
});

test("the proxy streams chunked bodies with their trailers, both ways", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant, head } = await world.request(
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;ext=1\r\nabc\r\n",
  );
  expect(head).toContain("\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n");
  expect(await tenant.take("abc\r\n")).toBe("3\r\nabc\r\n");
  client.send("2\r\nde\r\n0\r\nX-Sum: 5\r\nHost: evil\r\n\r\n");
  expect(await tenant.take("\r\n\r\n")).toBe("2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
  tenant.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
  expect(await client.take("x\r\n")).toBe(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
  );
  tenant.send("0\r\nX-End: 1\r\n\r\n");
  expect(await client.take("\r\n\r\n")).toBe("0\r\nX-End: 1\r\n\r\n");
});

test("the proxy sends chunks when the end of the tenant's connection delimits the answer", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.0 200 OK\r\nX-a: 1\r\n\r\nabc");
  expect(await client.take("abc\r\n")).toBe(
    "HTTP/1.1 200 OK\r\nX-a: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
  );
  tenant.socket.end();
  expect(await client.take("\r\n\r\n")).toBe("0\r\n\r\n");
});

test("the proxy delimits an answer by the end of the connection when the client speaks HTTP/1.0", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant, head } = await world.request("GET / HTTP/1.0\r\n\r\n");
  expect(head).toStartWith("GET / HTTP/1.1\r\nHost: localhost\r\n");
  tenant.send(
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
  );
  expect(await client.untilEnd()).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi");
});

test("the proxy keeps an HTTP/1.0 connection when the client asks for it", async () => {
  await using world = await ProxyWorld.open();
  const request = "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
  const { client, tenant } = await world.request(request);
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
  expect(await client.take("a\r\n\r\na".slice(-5))).toContain("Connection: keep-alive\r\n");
  client.send(request);
  await tenant.head();
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
  expect(await client.take("\r\n\r\nb")).toContain("200 OK");
});

test.each([
  ["HEAD", "200 OK", "Content-Length: 20\r\n"],
  ["HEAD", "200 OK", ""],
  ["GET", "204 No Content", ""],
  ["GET", "304 Not Modified", "Content-Length: 20\r\nETag: x\r\n"],
])(
  "the proxy expects no body when the answer is to %s with status %s",
  async (method, status, lines) => {
    await using world = await ProxyWorld.open();
    const { client, tenant } = await world.request(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
    tenant.send(`HTTP/1.1 ${status}\r\n${lines}\r\n`);
    expect(await client.head()).toBe(`HTTP/1.1 ${status}\r\n${lines}\r\n`);
    client.send(GET);
    expect(await tenant.head()).toStartWith("GET / HTTP/1.1\r\n");
  },
);

test("the proxy forwards Expect and interim answers", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant, head } = await world.request(
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
  );
  expect(head).toContain("\r\nExpect: 100-continue\r\n");
  tenant.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
  expect(await client.take("Continue\r\n\r\n")).toBe(
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
  );
  client.send("abc");
  expect(await tenant.bytes(3)).toBe("abc");
  tenant.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  expect(await client.head()).toBe("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
});

test.each([
  [100, "HTTP/1.1 200 OK"],
  [101, "HTTP/1.1 502 Bad Gateway"],
])("the proxy answers properly after %d interim answers: %s", async (count, line) => {
  await using world = await ProxyWorld.open();
  for (let round = 0; round < 2; round += 1) {
    const { client, tenant } = await world.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    tenant.send("HTTP/1.1 100 Continue\r\n\r\n".repeat(count));
    tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    for (let interim = 0; interim < 100; interim += 1) await client.head();
    expect(await client.head()).toStartWith(line);
  }
});

test("the proxy ends the connection when the tenant refuses a request before its body", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
  );
  tenant.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  expect(await client.untilEnd()).toBe(
    "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  );
  await tenant.untilEnd();
});

test("the proxy forwards the rest of a body when the tenant answers early", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc",
  );
  await tenant.bytes(3);
  tenant.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
  expect(await client.head()).toBe("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
  expect(world.gateway.openLeases).toBe(1);
  client.send(`def${GET}`);
  expect(await tenant.bytes(3)).toBe("def");
  expect(await tenant.head()).toStartWith("GET / ");
});

test("the proxy forwards an undefined status", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 799 Odd\xe9\r\nContent-Length: 0\r\n\r\n");
  expect(await client.head()).toStartWith("HTTP/1.1 799 Odd\xe9\r\n");
});

test("the proxy answers pipelined requests in order, over one connection to the tenant", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.proveKeepAlive();
  client.send(
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\r\n" +
      "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
  );
  expect(await tenant.head()).toStartWith("POST /1 ");
  expect(await tenant.bytes(2)).toBe("hi");
  expect(tenant.received).toBe("");
  for (const next of ["/2", "/3", null]) {
    tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect(await client.head()).toStartWith("HTTP/1.1 200 OK");
    if (next !== null) expect(await tenant.take("\r\n\r\n")).toContain(` ${next} `);
    if (next === "/2") await tenant.take("0\r\n\r\n");
  }
  expect(world.tenant.all).toHaveLength(1);
});

test("the proxy answers a client that has closed its sending side", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  client.socket.end();
  world.clock.move(200);
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  expect(await client.untilEnd()).toEndWith("\r\n\r\nhi");
});

test("the proxy forwards each event of a stream when it comes", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send(
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  await client.head();
  for (const event of ["9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n"]) {
    tenant.send(event);
    expect(await client.bytes(event.length)).toBe(event);
  }
  expect(world.gateway.openLeases).toBe(1);
});

test("the proxy reaches a tenant over its Unix socket, and the API without a lease", async () => {
  using directory = withTempDirectory();
  await using world = await ProxyWorld.open();
  const unix = await RawTenant.open(join(directory.path, "a.sock"));
  world.gateway.run("notes:alice", unix.endpoint, 2);
  const client = await world.client();
  client.send(GET);
  const tenant = await unix.connection();
  await tenant.head();
  tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await client.head();
  unix.close();
  world.gateway.target = { kind: "control" };
  const api = await world.request("GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n");
  api.tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  await api.client.head();
  expect(world.gateway.leases).toHaveLength(1);
  expect(world.records.at(-1)?.ref).toBe(null);
});

test("the proxy answers 404 in the form that the client accepts when nothing is at the address", async () => {
  await using world = await ProxyWorld.open();
  world.gateway.target = { kind: "unknown" };
  const client = await world.client();
  client.send(GET);
  expect(await client.head()).toContain(
    "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n",
  );
  expect(JSON.parse(await client.take("}"))).toEqual({
    error: "There is nothing at this address",
    code: "NOT_FOUND",
  });
  client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html,*/*\r\n\r\n");
  expect(await client.head()).toContain("Content-Type: text/html");
  expect(await client.take("</html>\n")).toContain("There is nothing at this address");
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(await client.untilEnd()).toMatch(/^HTTP\/1\.1 404 .*Connection: close\r\n\r\n$/s);
  expect(world.tenant.all).toHaveLength(0);
});
