import { expect, test } from "bun:test";
import { GET, ProxyWorld } from "../proxy-world.ts";

const H = "Host: a\r\n";

test.each([
  ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400],
  ["two Hosts", `GET / HTTP/1.1\r\n${H}${H}\r\n`, 400],
  ["a Host with a path", "GET / HTTP/1.1\r\nHost: a/evil\r\n\r\n", 400],
  ["a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400],
  ["a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
  ["a Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".replace(", ", ",\t"), 400],
  ["the version HTTP/2.0", `GET / HTTP/2.0\r\n${H}\r\n`, 400],
  ["the form of HTTP/0.9", "GET /\r\n\r\n", 400],
  ["the version HTTP/1.2", `GET / HTTP/1.2\r\n${H}\r\n`, 400],
  ["another protocol", "PLAY / RTSP/1.0\r\n\r\n", 400],
  ["two spaces before the target", `GET  / HTTP/1.1\r\n${H}\r\n`, 400],
  ["two spaces behind the target", `GET /  HTTP/1.1\r\n${H}\r\n`, 400],
  ["a tab in the target", `GET /\t HTTP/1.1\r\n${H}\r\n`, 400],
  ["a raw byte in the target", `GET /\xe9 HTTP/1.1\r\n${H}\r\n`, 400],
  ["a target without a slash", `GET a HTTP/1.1\r\n${H}\r\n`, 400],
  ["an asterisk as its target", `GET * HTTP/1.1\r\n${H}\r\n`, 400],
  ["another host in the target", `GET http://b/ HTTP/1.1\r\n${H}\r\n`, 400],
  ["a user in the target", `GET http://u@a/ HTTP/1.1\r\n${H}\r\n`, 400],
  ["another scheme in the target", `GET ftp://a/ HTTP/1.1\r\n${H}\r\n`, 400],
  ["the method CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405],
  ["no method", ` / HTTP/1.1\r\n${H}\r\n`, 400],
  ["a method that is no token", `G@T / HTTP/1.1\r\n${H}\r\n`, 400],
  ["a method with a colon", `GET: / HTTP/1.1\r\n${H}\r\n`, 400],
  ["a method in latin-1", `G\xc9T / HTTP/1.1\r\n${H}\r\n`, 400],
  ["a tab behind the method", `FOO\t/ HTTP/1.1\r\n${H}\r\n`, 400],
  ["a method of 65 characters", `${"M".repeat(65)} / HTTP/1.1\r\n${H}\r\n`, 400],
  ["an unknown method of HTTP/0.9", "FOO /\r\n\r\n", 400],
  ["an unknown method and HTTP/2.0", `FOO / HTTP/2.0\r\n${H}\r\n`, 400],
  ["an unknown method and two spaces", `FOO  / HTTP/1.1\r\n${H}\r\n`, 400],
  ["an unknown method and no path", `FOO a:1 HTTP/1.1\r\n${H}\r\n`, 400],
  [
    "an unknown method, a length and chunks",
    `FOO / HTTP/1.1\r\n${H}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
  ],
  ["the method of HTTP/2's preface", `PRI / HTTP/1.1\r\n${H}\r\n`, 400],
  [
    "a length and chunks",
    `POST / HTTP/1.1\r\n${H}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
  ],
  [
    "chunks and a length",
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n`,
    400,
  ],
  ["two lengths", `POST / HTTP/1.1\r\n${H}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
  [
    "the same length twice",
    `POST / HTTP/1.1\r\n${H}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`,
    400,
  ],
  [
    "a length no number can hold",
    `POST / HTTP/1.1\r\n${H}Content-Length: 18446744073709551615\r\n\r\n`,
    400,
  ],
  [
    "another coding under chunked",
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    400,
  ],
  [
    "another coding in its own line",
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
  ],
  [
    "chunked twice",
    `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    400,
  ],
  ["the coding identity", `POST / HTTP/1.1\r\n${H}Transfer-Encoding: identity\r\n\r\n`, 400],
  ["chunks in HTTP/1.0", `POST / HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n`, 400],
  ["a space before a colon", `GET / HTTP/1.1\r\n${H}A : b\r\n\r\n`, 400],
  ["a bare line feed", `GET / HTTP/1.1\r\n${H}A: b\n\r\n`, 400],
  ["a folded header", `GET / HTTP/1.1\r\n${H}A: b\r\n c\r\n\r\n`, 400],
  ["a TLS handshake in place of HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
  ["a header block over 64 KiB", `GET / HTTP/1.1\r\n${H}A: ${"x".repeat(70_000)}\r\n\r\n`, 431],
  ["too many headers", `GET / HTTP/1.1\r\n${H}${"a: b\r\n".repeat(1100)}\r\n`, 431],
])("the proxy refuses a request with %s, and closes the connection", async (_, bytes, status) => {
  await using world = await ProxyWorld.open();
  const client = await world.client();
  client.send(bytes + GET);
  const answer = await client.untilEnd();
  expect(answer).toStartWith(`HTTP/1.1 ${status} `);
  expect(answer).toContain("\r\nConnection: close\r\n");
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  expect(world.tenant.all).toHaveLength(0);
  expect(world.records.map((record) => record.status)).toEqual([status]);
});

test.each([
  ["a name as its Host", "GET / HTTP/1.1\r\nHost: A-b_c.d.\r\n\r\n"],
  ["a port in its Host", "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n"],
  ["an IPv6 address as its Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"],
  ["an asterisk as its target", `OPTIONS * HTTP/1.1\r\n${H}\r\n`],
  ["an empty line before it", `\r\n${GET}`],
])("the proxy forwards a request with %s", async (_, bytes) => {
  await using world = await ProxyWorld.open();
  const { head } = await world.request(bytes);
  expect(head).toStartWith(bytes.trimStart().slice(0, -2));
});

test.each([
  "LIST",
  "BASELINE-CONTROL",
  "GET_SETTINGS",
  "get",
  "connect",
  "PLAY",
  "X",
  "!#$%&'*+-.^_`|~09",
  "M".repeat(64),
])(
  "the proxy forwards the method %s, at once, in pieces and behind another request",
  async (name) => {
    await using world = await ProxyWorld.open();
    const { client, tenant } = await world.proveKeepAlive();
    const request = `${name} /a HTTP/1.1\r\n${H}Content-Length: 2\r\n\r\n`;
    for (const pieces of [[`${request}hi`], [...`${request}hi`], [`${request}hi${request}yo`]]) {
      for (const piece of pieces) {
        client.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const body of pieces.join("").split(request).slice(1)) {
        expect(await tenant.head()).toStartWith(request.slice(0, -2));
        expect(await tenant.bytes(2)).toBe(body);
        expect(tenant.received).toBe("");
        tenant.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        expect(await client.head()).toStartWith("HTTP/1.1 200 ");
      }
    }
  },
);

test.each([
  ["a sign", "+3\r\nabc\r\n"],
  ["too much data", "3\r\nabcd\r\n0\r\n\r\n"],
  ["a bare line feed", "3\nabc\r\n"],
])(
  "the proxy refuses chunks with %s before the tenant can take the body for complete",
  async (_, chunks) => {
    await using world = await ProxyWorld.open();
    const { client, tenant } = await world.request(
      `POST / HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`,
    );
    await tenant.take("x\r\n");
    client.send(chunks);
    expect(await client.untilEnd()).toStartWith("HTTP/1.1 400 ");
    await tenant.untilEnd();
    expect(tenant.received).not.toContain("0\r\n\r\n");
    expect(world.gateway.openLeases).toBe(0);
  },
);

test.each([
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["a list of two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab"],
  ["a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: 1a\r\n\r\na"],
  [
    "two lengths and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
  ],
  [
    "a length and chunks in HTTP/1.0",
    "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
  ],
  [
    "a length and another coding",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: gzip\r\n\r\na",
  ],
  [
    "a length and chunks twice",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
  ],
  ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab"],
  ["a bare line feed among others", "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n"],
  ["a bare line feed behind the status", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"],
  ["line feeds and a space before a colon", "HTTP/1.1 200 OK\nContent-Length : 0\n\n"],
  ["the version HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ["bytes that are no HTTP", "SSH-2.0-x\r\n"],
  [
    "an upgrade that the client did not request",
    "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
  ],
  ["a head over 64 KiB", `HTTP/1.1 200 OK\r\nA: ${"x".repeat(70_000)}\r\n\r\n`],
])("the proxy answers 502 when a tenant answers with %s", async (_, answer) => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send(answer);
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
  await tenant.untilEnd();
  expect(world.gateway.openLeases).toBe(0);
  expect(world.records.map((record) => record.status)).toEqual([502]);
});

test.each([
  [
    "a length and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
  ],
  [
    "chunks and a length",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
  ],
  [
    "the same length twice",
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nA: b\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nA: b\r\n\r\nx",
  ],
  [
    "the same length in a list",
    "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
  ],
  [
    "line feeds",
    "HTTP/1.1 200 OK\nContent-Length: 1\nA: \xe9\n\nx",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nA: \xe9\r\n\r\nx",
  ],
  [
    "line feeds and no reason",
    "\r\nHTTP/1.1 200\nContent-Length: 1\n\nx",
    "HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx",
  ],
])(
  "the proxy repairs an answer with %s, at once and in pieces, and keeps no connection that brought it",
  async (_, answer, repaired) => {
    await using world = await ProxyWorld.open();
    const { client, tenant } = await world.request(GET);
    tenant.send(answer);
    expect(await client.bytes(repaired.length)).toBe(repaired);
    await tenant.untilEnd();
    client.send(GET);
    const second = await world.tenant.connection();
    await second.head();
    for (const byte of answer) {
      second.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.bytes(repaired.length)).toBe(repaired);
    expect(world.records.map((record) => record.status)).toEqual([200, 200]);
  },
);

test("the proxy repairs the head of a large answer", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  const body = "x".repeat(1024 * 1024);
  tenant.send(`HTTP/1.1 200 OK\nContent-Length: ${body.length}\n\n${body}`);
  expect(await client.head()).toBe(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
  expect(await client.bytes(body.length)).toBe(body);
});

test.each([
  ["in its head", `HTTP/1.1 200 OK\nA: ${"x".repeat(70_000)}\n\n`],
  ["without an end", `HTTP/1.1 200 OK\n${"a: b\n".repeat(20_000)}`],
])("the proxy answers 502 when an answer with line feeds has over 64 KiB %s", async (_, answer) => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send(answer);
  expect(await client.head()).toStartWith("HTTP/1.1 502 ");
});

test("the proxy repairs an interim answer and the final one behind it", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 103 Early\nLink: a\n\nHTTP/1.1 200 OK\nContent-Length: 1\n\nx");
  expect(await client.head()).toBe("HTTP/1.1 103 Early\r\nLink: a\r\n\r\n");
  expect(await client.take("x")).toBe("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
});

test("the proxy drops a connection to a tenant that answers one request twice", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send(
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
  );
  await client.take("\r\n\r\na");
  client.send(GET);
  const second = await world.tenant.connection();
  await second.head();
  second.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
  expect(await client.take("\r\n\r\nb")).not.toContain("evil");
});

test.each([
  ["a length", "Content-Length: 10\r\n\r\nabc", "abc"],
  ["chunks", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "3\r\nabc\r\n"],
])(
  "the proxy cuts an answer with %s when the tenant closes the connection within it",
  async (_, rest, end) => {
    await using world = await ProxyWorld.open();
    const { client, tenant } = await world.request(GET);
    tenant.send(`HTTP/1.1 200 OK\r\n${rest}`);
    await client.take(end);
    tenant.socket.destroy();
    expect(await client.untilEnd()).toBe("");
    expect(world.gateway.openLeases).toBe(0);
  },
);

test("the proxy resets a client when a body that only the end of the connection delimits is cut short", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  tenant.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  await client.take("abc");
  tenant.socket.destroy();
  await client.untilClosed();
  expect(client.error).toBe("ECONNRESET");
});

test("the proxy ends the connection of a client without a last chunk when the tenant resets", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.send("HTTP/1.1 200 OK\r\n\r\nabc");
  await client.take("abc\r\n");
  tenant.socket.resetAndDestroy();
  expect(await client.untilEnd()).toBe("");
});
