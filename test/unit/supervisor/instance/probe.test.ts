import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../../../bench/support.ts";
import type { Endpoint } from "../../../../src/core/endpoint.ts";
import type { UnixPeer } from "../../../../src/platform/kernel/unix-peer.ts";
import { isListening } from "../../../../src/platform/kernel/unix-queue.ts";
import {
  ANY_ANSWER,
  type HealthCheck,
  proberWithin,
  socketProber,
} from "../../../../src/supervisor/instance/probe.ts";
import { isMissing, PYTHON } from "../../../support/tool.ts";

const HOST = "alice.notes.test";
const isLinux = process.platform === "linux";

let directory: string;
let path: string;
let endpoint: Endpoint;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-probe-"));
  path = join(directory, "app.sock");
  endpoint = { kind: "unix", path };
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A process that listens and never accepts; resolves once its queue has room for no more. */
async function fullQueue() {
  const script =
    "import socket, sys\n" +
    "server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)\n" +
    "server.bind(sys.argv[1]); server.listen(0); client.connect(sys.argv[1])\n" +
    "print('full', flush=True); sys.stdin.read()";
  const child = Bun.spawn(["python3", "-c", script, path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { value } = await child.stdout.getReader().read();
  expect(Buffer.from(value ?? []).toString()).toStartWith("full");
  return { [Symbol.dispose]: () => child.stdin.end() };
}

/** A process that listens on a port and never accepts; resolves once the system lets further connections wait. */
async function fullPort() {
  const script =
    "import socket, sys\n" +
    "server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen(0)\n" +
    "held = [socket.socket() for _ in range(4)]\n" +
    "for each in held: each.setblocking(False); each.connect_ex(server.getsockname())\n" +
    "print(server.getsockname()[1], flush=True); sys.stdin.read()";
  const child = Bun.spawn(["python3", "-c", script], { stdio: ["pipe", "pipe", "inherit"] });
  const { value } = await child.stdout.getReader().read();
  const port = Number(Buffer.from(value ?? []).toString());
  return { port, [Symbol.dispose]: () => child.stdin.end() };
}

const HEALTH: HealthCheck = { path: "/health", accepts: "success" };

function probe(hasServed: boolean, check: HealthCheck | null = HEALTH) {
  return socketProber({ endpoints: [endpoint], check, host: HOST, hasServed, isOwn: () => true });
}

test.skipIf(!isLinux || isMissing(PYTHON))(
  "a Unix socket whose queue is full is alive, also for a check of health, where it has served before",
  async () => {
    using _ = await fullQueue();
    expect(isListening(path)).toBe(true);
    expect(await probe(true)).toEqual({ kind: "ready", endpoint });
    expect(await probe(true, null)).toEqual({ kind: "ready", endpoint });
    expect(await probe(false)).toMatchObject({ kind: "unready" });
  },
);

test.skipIf(!isLinux)("a Unix socket without a process is dead", async () => {
  expect(isListening(path)).toBe(false);
  expect(await probe(true)).toMatchObject({ kind: "unready" });
  const server = Bun.listen({ unix: path, socket: { data: () => undefined } });
  expect(isListening(path)).toBe(true);
  server.stop(true);
  writeFileSync(path, "");
  expect(isListening(path)).toBe(false);
  expect(await probe(true)).toMatchObject({ kind: "unready" });
});

test.skipIf(!isLinux)("a Unix socket is found alive also at a path too long to connect to", () => {
  const deep = join(directory, "x".repeat(120));
  mkdirSync(deep);
  const long = join(deep, "app.sock");
  const server = Bun.listen({ unix: long, socket: { data: () => undefined } });
  expect(isListening(long)).toBe(true);
  server.stop(true);
  expect(isListening(long)).toBe(false);
});

test.skipIf(!isLinux || isMissing(PYTHON))(
  "the probe gives up a port whose queue is full, which is alive where it has served before",
  async () => {
    using full = await fullPort();
    const prober = proberWithin(50);
    const at: Endpoint = { kind: "tcp", host: "127.0.0.1", port: full.port };
    const request = { endpoints: [at], check: null, host: HOST, isOwn: () => true };
    const before = readdirSync("/proc/self/fd").length;
    expect(await prober({ ...request, hasServed: false })).toEqual({
      kind: "unready",
      reason: "it accepts no connection within 0.05 s",
    });
    expect(await prober({ ...request, hasServed: true })).toEqual({ kind: "ready", endpoint: at });
    while (readdirSync("/proc/self/fd").length > before) await Bun.sleep(1);
  },
);

test("the probe reports an endpoint that nothing listens on", async () => {
  const endpoints = [
    { kind: "unix", path: "/nowhere.sock" },
    { kind: "tcp", host: "127.0.0.1", port: 1 },
  ] as const;
  const check = { check: null, host: HOST, hasServed: false, isOwn: () => true };
  expect(await socketProber({ endpoints, ...check })).toEqual({
    kind: "unready",
    reason: "nothing listens on /nowhere.sock or 127.0.0.1:1",
  });
});

test.skipIf(!isLinux)(
  "a socket of another program is not ready, gets no request, and hides no other endpoint",
  async () => {
    const peers: (UnixPeer | null)[] = [];
    let asked = 0;
    const serve = () => {
      asked += 1;
      return new Response();
    };
    await using _stranger = Bun.serve({ unix: path, fetch: serve });
    const check = {
      check: HEALTH,
      host: HOST,
      hasServed: true,
      isOwn(peer: UnixPeer | null) {
        peers.push(peer);
        return false;
      },
    };
    expect(await socketProber({ endpoints: [endpoint], ...check })).toEqual({
      kind: "unready",
      reason: `another program listens on ${path}`,
    });
    expect(asked).toBe(0);
    expect(peers).toEqual([{ pid: process.pid, user: process.geteuid?.() ?? -1 }]);
    await using own = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: serve });
    const port = { kind: "tcp", host: "127.0.0.1", port: own.port ?? 0 } as const;
    expect(await socketProber({ endpoints: [endpoint, port], ...check })).toEqual({
      kind: "ready",
      endpoint: port,
    });
    expect(asked).toBe(1);
  },
);

test("the probe says nothing of a tenant that it has no descriptor to ask", async () => {
  using listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: () => undefined },
  });
  const program = join(import.meta.dir, "probe-without-descriptors.ts");
  const command = [process.execPath, program, String(listener.port)];
  const child = Bun.spawn(["sh", "-c", 'ulimit -n 128; exec "$@"', "sh", ...command], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  expect(JSON.parse(await child.stdout.text())).toEqual([
    { kind: "unasked" },
    { kind: "ready", endpoint: { kind: "tcp", host: "127.0.0.1", port: listener.port } },
  ]);
});

test("the first endpoint is the address of an application that begins to listen on all of them", async () => {
  const first: Endpoint = { kind: "tcp", host: "127.0.0.1", port: freePort() };
  const listeners: Bun.SocketListener<undefined>[] = [];
  const answer = (socket: Bun.Socket<undefined>) => {
    socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  };
  listeners.push(
    Bun.listen({
      unix: path,
      socket: {
        // Between the question to the first endpoint, and the answer of this one.
        data(socket) {
          const { host: hostname, port } = first;
          listeners.push(Bun.listen({ hostname, port, socket: { data: answer } }));
          answer(socket);
        },
      },
    }),
  );
  const request = {
    endpoints: [first, endpoint],
    check: { path: "/", accepts: "success" } as const,
    host: HOST,
    hasServed: false,
    isOwn: () => true,
  };
  expect(await socketProber(request)).toEqual({ kind: "ready", endpoint: first });
  for (const listener of listeners) listener.stop(true);
});

test.each([
  [200, "ready"],
  [302, "ready"],
  [404, "ready"],
  [500, "unready"],
  [503, "unready"],
])("an application that answers %p to any request is %s", async (status, kind) => {
  const received: string[] = [];
  const listener = Bun.listen({
    unix: path,
    socket: {
      data(socket, bytes) {
        received.push(bytes.toString());
        socket.end(`HTTP/1.1 ${status} Any\r\ncontent-length: 0\r\n\r\n`);
      },
    },
  });
  expect((await probe(false, ANY_ANSWER)).kind).toBe(kind as "ready" | "unready");
  expect(received[0]).toStartWith(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Forwarded-For: `);
  listener.stop(true);
});
