import { expect, test } from "bun:test";
import { GET, ProxyWorld } from "../proxy-world.ts";

const SIZE = 48 * 1024 * 1024;

/** More than kernel buffers on both sides of the proxy hold. */
const BUFFERED_MAX = 32 * 1024 * 1024;

/** Bytes that differ from place to place: four to a number. */
function pattern(): Buffer {
  const numbers = new Uint32Array(SIZE / 4);
  for (let index = 0; index < numbers.length; index += 1) numbers[index] = index * 2_654_435_761;
  return Buffer.from(numbers.buffer);
}

function hashOf(pieces: Iterable<Buffer>): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const piece of pieces) hasher.update(piece);
  return hasher.digest("hex");
}

test("the proxy pauses a tenant while its client does not read, and loses no byte", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  client.socket.pause();
  const body = pattern();
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`;
  tenant.socket.write(head);
  tenant.socket.write(body);
  await world.turns();
  expect(tenant.socket.writableLength).toBeGreaterThan(SIZE - BUFFERED_MAX);
  const hasher = new Bun.CryptoHasher("sha256");
  let left = head.length + SIZE;
  client.socket.removeAllListeners("data");
  const done = new Promise<void>((resolve) => {
    client.socket.on("data", (bytes: Buffer) => {
      const skipped = Math.min(bytes.length, Math.max(0, left - SIZE));
      hasher.update(bytes.subarray(skipped));
      left -= bytes.length;
      if (left === 0) resolve();
    });
  });
  client.socket.resume();
  await done;
  expect(hasher.digest("hex")).toBe(hashOf([body]));
});

test.each([
  ["of known length", `Content-Length: ${SIZE}\r\n\r\n`, ""],
  ["in chunks", "Transfer-Encoding: chunked\r\n\r\n", "chunked"],
])("the proxy pauses a client while its tenant does not read a body %s", async (_, lines, kind) => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(`POST / HTTP/1.1\r\nHost: a\r\n${lines}`);
  tenant.socket.pause();
  const body = pattern();
  if (kind === "chunked") client.send(`${SIZE.toString(16)}\r\n`);
  client.socket.write(body);
  if (kind === "chunked") client.send("\r\n0\r\n\r\n");
  await world.turns();
  expect(client.socket.writableLength).toBeGreaterThan(SIZE - BUFFERED_MAX);
  const pieces: Buffer[] = [];
  let total = 0;
  tenant.socket.removeAllListeners("data");
  const done = new Promise<void>((resolve) => {
    tenant.socket.on("data", (bytes: Buffer) => {
      pieces.push(bytes);
      total += bytes.length;
      const isEnd = kind === "" ? total === SIZE : bytes.subarray(-5).toString() === "0\r\n\r\n";
      if (isEnd) resolve();
    });
  });
  tenant.socket.resume();
  await done;
  const received = Buffer.concat(pieces);
  expect(hashOf([kind === "" ? received : dechunk(received)])).toBe(hashOf([body]));
});

/** Independent of the code under test. */
function dechunk(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (size === 0) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

test("the proxy closes the connection to the tenant when a client leaves during a download", async () => {
  await using world = await ProxyWorld.open();
  const { client, tenant } = await world.request(GET);
  tenant.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
  tenant.socket.write(Buffer.alloc(SIZE));
  await client.head();
  client.socket.destroy();
  await tenant.untilClosed();
  await world.gateway.until(() => world.gateway.openLeases === 0);
});
