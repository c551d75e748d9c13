// The proxy between real servers and real clients.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { ProxyWorld } from "./proxy-world.ts";

const bunServer = Bun.serve<{ protocol: string }>({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request, server) {
    const url = new URL(request.url);
    if (url.pathname === "/ws") {
      const protocol = request.headers.get("sec-websocket-protocol") ?? "";
      const headers = { "sec-websocket-protocol": protocol.split(",")[0] ?? "" };
      return server.upgrade(request, { data: { protocol }, headers })
        ? undefined
        : new Response("no");
    }
    if (url.pathname === "/hash") {
      const hasher = new Bun.CryptoHasher("sha256");
      for await (const piece of request.body ?? []) hasher.update(piece);
      return new Response(hasher.digest("hex"));
    }
    return new Response(request.body, { headers: { "x-path": url.pathname } });
  },
  websocket: {
    message(socket, message) {
      if (message === "close") socket.close(4321, "as asked");
      else socket.send(message);
    },
  },
});

let nodeServer: Server;
const waiting = Promise.withResolvers<void>();
const abandoned = Promise.withResolvers<void>();

beforeAll(async () => {
  nodeServer = createServer((request, response) => {
    if (request.url === "/wait") {
      request.socket.once("close", abandoned.resolve);
      waiting.resolve();
      return;
    }
    response.setHeader("Set-Cookie", ["a=1", "b=2"]);
    request.pipe(response);
  });
  await new Promise<void>((resolve) => nodeServer.listen(0, "127.0.0.1", resolve));
});

afterAll(() => {
  bunServer.stop(true);
  nodeServer.closeAllConnections();
  nodeServer.close();
});

async function open(
  kind: "bun" | "node",
): Promise<{ world: ProxyWorld; url: string } & AsyncDisposable> {
  const world = await ProxyWorld.open();
  const port = kind === "bun" ? bunServer.port : (nodeServer.address() as AddressInfo).port;
  world.gateway.run("notes:alice", { kind: "tcp", host: "127.0.0.1", port: port ?? 0 });
  const url = `127.0.0.1:${world.proxy.port}`;
  return { world, url, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

test.each(["bun", "node"] as const)(
  "the proxy forwards bodies of every size to and from a %s server",
  async (kind) => {
    await using opened = await open(kind);
    for (const size of [0, 1, 4096, 100_000, 5_000_000]) {
      const body = Buffer.alloc(size, "0123456789");
      const answer = await fetch(`http://${opened.url}/echo`, { method: "POST", body });
      expect(answer.status).toBe(200);
      expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), body)).toBe(0);
      if (kind === "node") expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    }
  },
);

test("the proxy forwards a body without a length", async () => {
  await using opened = await open("bun");
  const piece = Buffer.alloc(70_000, "abc");
  async function* body() {
    for (let count = 0; count < 50; count += 1) yield piece;
  }
  const answer = await fetch(`http://${opened.url}/hash`, { method: "PUT", body: body() });
  const expected = new Bun.CryptoHasher("sha256")
    .update(Buffer.alloc(3_500_000, piece))
    .digest("hex");
  expect(await answer.text()).toBe(expected);
});

test("the proxy answers 200 clients at a time", async () => {
  await using opened = await open("bun");
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const answer = await fetch(`http://${opened.url}/echo`, { method: "POST", body: `${index}` });
      return answer.text();
    }),
  );
  expect(answers).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
  expect(opened.world.gateway.openLeases).toBe(0);
});

test("the proxy carries a WebSocket with its subprotocol, text, binary and close code", async () => {
  await using opened = await open("bun");
  const socket = new WebSocket(`ws://${opened.url}/ws`, ["chat", "other"]);
  socket.binaryType = "arraybuffer";
  const received: unknown[] = [];
  const closed = Promise.withResolvers<CloseEvent>();
  const text = "x".repeat(300_000);
  socket.onopen = () => {
    socket.send(text);
    socket.send(new Uint8Array([0, 255, 13, 10]));
  };
  socket.onmessage = ({ data }) => {
    received.push(typeof data === "string" ? data : [...new Uint8Array(data as ArrayBuffer)]);
    if (received.length === 2) socket.send("close");
  };
  socket.onclose = (event) => closed.resolve(event);
  const { code, reason } = await closed.promise;
  expect(socket.protocol).toBe("chat");
  expect(received).toEqual([text, [0, 255, 13, 10]]);
  expect([code, reason]).toEqual([4321, "as asked"]);
  await opened.world.gateway.until(() => opened.world.gateway.openLeases === 0);
});

test("the proxy closes the connection to the tenant when the client gives up", async () => {
  await using opened = await open("node");
  const controller = new AbortController();
  const asking = fetch(`http://${opened.url}/wait`, { signal: controller.signal });
  await waiting.promise;
  controller.abort();
  await expect(asking).rejects.toThrow();
  while (opened.world.gateway.openLeases > 0) {
    opened.world.clock.move(250);
    await opened.world.turns(1);
  }
  await abandoned.promise;
});
