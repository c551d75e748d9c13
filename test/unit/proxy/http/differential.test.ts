// Random requests and answers, cut into pieces at random places, must arrive as they were sent.
import { expect, test } from "bun:test";
import { ProxyWorld } from "../proxy-world.ts";
import type { Wire } from "../wire.ts";

const SEED = Number(process.env["TEN_TEST_SEED"] ?? Date.now() % 2 ** 32);
const ROUNDS = 300;

/** Mulberry32: small, and the same everywhere. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  one<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  text(alphabet: string, length: number): string {
    return Array.from({ length }, () => alphabet.charAt(this.below(alphabet.length))).join("");
  }
}

interface Message {
  readonly lines: readonly string[];
  readonly body: string;
  readonly chunked: boolean;
  readonly trailers: readonly string[];
}

const VALUE = "abc XYZ019!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~\t\x80\xa0\xe9\xff";
const NAMES = [
  "X-A",
  "x-a",
  "X_b",
  "Cookie",
  "cookie",
  "Set-Cookie",
  "Range",
  "!#$%&'*+-.^_`|~",
  "Via",
];
const EVERY_BYTE = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");

function field(random: Random): string {
  return `${random.one(NAMES)}: ${random.text(VALUE, random.below(40)).replace(/^[ \t]+|[ \t]+$/g, "")}`;
}

function fields(random: Random): string[] {
  return Array.from({ length: random.below(random.one([4, 12, 60])) }, () => field(random));
}

/** A message whose framing stands anywhere among its headers. */
function message(random: Random, mayHaveBody: boolean): Message {
  const lines = fields(random);
  const length = random.one([0, 1, 10, 5000, 200_000]);
  const body = mayHaveBody
    ? random.text(EVERY_BYTE, Math.min(length, 4096)).repeat(Math.ceil(length / 4096))
    : "";
  const chunked = mayHaveBody && random.next() < 0.5;
  const framing = chunked
    ? random.one(["Transfer-Encoding: chunked", "transfer-encoding: Chunked"])
    : `Content-Length: ${body.length}`;
  if (mayHaveBody) lines.splice(random.below(lines.length + 1), 0, framing);
  const trailers = chunked && random.next() < 0.3 ? ["X-Trailer: 1", "x-trailer: \xe9"] : [];
  return { lines, body, chunked, trailers };
}

function render(
  start: string,
  { lines, body, chunked, trailers }: Message,
  random: Random,
): string {
  const head = [start, ...lines].map((line) => `${line}\r\n`).join("");
  if (!chunked) return `${head}\r\n${body}`;
  let chunks = "";
  for (let at = 0; at < body.length;) {
    const piece = body.slice(at, at + 1 + random.below(random.one([3, 1000, 100_000])));
    const size = random.one([
      piece.length.toString(16),
      `00${piece.length.toString(16).toUpperCase()}`,
    ]);
    chunks += `${size}${random.one(["", ";a=b", ';q="x"'])}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${head}\r\n${chunks}0\r\n${trailers.map((line) => `${line}\r\n`).join("")}\r\n`;
}

/** Sends in pieces, each after the event loop has turned. */
async function sendInPieces(wire: Wire, text: string, random: Random): Promise<void> {
  const cuts = Array.from({ length: random.below(6) }, () => random.below(text.length));
  let at = 0;
  for (const cut of [...cuts.toSorted((left, right) => left - right), text.length]) {
    wire.send(text.slice(at, cut));
    at = cut;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Reads a message and joins its chunks; independent of the code under test. */
async function receive(wire: Wire, hasBody: boolean): Promise<{ start: string } & Message> {
  const [start = "", ...lines] = (await wire.head()).slice(0, -4).split("\r\n");
  const length = lines
    .map((line) => /^content-length: (\d+)$/i.exec(line)?.[1])
    .find((value) => value !== undefined);
  const chunked = lines.some((line) => /^transfer-encoding:/i.test(line));
  if (!hasBody || !chunked) {
    const body = hasBody ? await wire.bytes(Number(length ?? 0)) : "";
    return { start, lines, body, chunked: false, trailers: [] };
  }
  let body = "";
  for (;;) {
    const size = Number.parseInt(await wire.take("\r\n"), 16);
    if (size === 0) break;
    body += await wire.bytes(size);
    expect(await wire.bytes(2)).toBe("\r\n");
  }
  const trailers: string[] = [];
  for (let line = await wire.take("\r\n"); line !== "\r\n"; line = await wire.take("\r\n")) {
    trailers.push(line.slice(0, -2));
  }
  return { start, lines, body, chunked, trailers };
}

const ADDED = /^X-(?:Forwarded-(?:For|Host|Proto)|Request-Id): /;
const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "QUERY",
  "M-SEARCH",
  "PROPFIND",
  "LIST",
  "get",
  "x_1",
];
const TARGET = "abcXYZ019-._~!$&'()*+,;=:@%/?#[]{}|\\^`<>\"";

test(`the proxy forwards requests and answers byte for byte, however they are cut (seed ${SEED})`, async () => {
  const random = new Random(SEED);
  await using world = await ProxyWorld.open();
  let { client, tenant } = await world.proveKeepAlive();
  for (let round = 0; round < ROUNDS; round += 1) {
    const method = random.one(METHODS);
    const target = `/${random.text(TARGET, random.below(30))}`;
    const request = message(random, random.next() < 0.5);
    const start = `${method} ${target} HTTP/1.1`;
    const host = random.one(["Host: a.test", "hOsT: A.Test:8080"]);
    const lines = [...request.lines];
    lines.splice(random.below(lines.length + 1), 0, host);
    const sending = sendInPieces(client, render(start, { ...request, lines }, random), random);
    const arrived = await receive(tenant, true);
    await sending;
    const kept = arrived.lines.filter((line) => !ADDED.test(line));
    expect({ ...arrived, lines: kept }).toEqual({ start, ...request, lines });

    const status = random.one(["200 OK", "201 Cr\xe9\xe9 ", "404 ", "500 a  b", "799 Own"]);
    const bodiless = method === "HEAD";
    const answer = message(random, !bodiless);
    const line = `HTTP/1.1 ${status}`;
    const answering = sendInPieces(tenant, render(line, answer, random), random);
    const { start: gotLine, ...got } = await receive(client, !bodiless);
    await answering;
    expect(got).toEqual({ ...answer, lines: answer.lines });
    expect(gotLine.trimEnd()).toBe(line.trimEnd());
    if (random.next() < 0.05) {
      client.socket.destroy();
      client = await world.client();
    }
  }
  expect(world.gateway.openLeases).toBe(0);
  expect(world.records).toHaveLength(2 + ROUNDS);
});
