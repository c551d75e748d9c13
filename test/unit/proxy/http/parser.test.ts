// The binding is internal to the runtime: when one of these fails after an upgrade, parser.ts must be adapted.
import { expect, test } from "bun:test";
import {
  ChunkedParser,
  FIELDS_MAX,
  HEAD_BYTES_MAX,
  HeadParser,
  ParseFailure,
} from "../../../../src/proxy/http/parser.ts";

function bytes(latin1: string): Buffer {
  return Buffer.from(latin1, "latin1");
}

test("HeadParser reads a request head and stops behind it", () => {
  const parser = new HeadParser("request");
  const head = "POST /a?b HTTP/1.1\r\nHost: x\r\nX-Latin: \xe9\r\nContent-Length: 3\r\n\r\n";
  expect(parser.feed(bytes(`${head}abc`))).toBe(head.length);
  expect(parser.take()).toEqual({
    line: "POST /a?b HTTP/1.1\r\n",
    versionMajor: 1,
    versionMinor: 1,
    method: "POST",
    target: "/a?b",
    status: 0,
    reason: "",
    fields: ["Host", "x", "X-Latin", "\xe9", "Content-Length", "3"],
    keepAlive: true,
  });
  expect(parser.take()).toBe(null);
});

test("HeadParser reads head after head when their bodies are skipped", () => {
  const parser = new HeadParser("request");
  for (const head of [
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    "QUERY / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
    "get / HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
    "\r\nM-SEARCH / HTTP/1.1\r\n\r\n",
  ]) {
    expect(parser.feed(bytes(`${head}...`))).toBe(head.length);
    expect(parser.take()?.method).toBe(head.trim().split(" ")[0] ?? "");
  }
});

test("HeadParser reads a head of 100 headers when it arrives a byte at a time", () => {
  const parser = new HeadParser("request");
  const lines = Array.from({ length: 100 }, (_, index) => `N${index}: v${index}\r\n`);
  const head = bytes(`GET /${"p".repeat(50)} HTTP/1.1\r\n${lines.join("")}\r\n`);
  for (const _ of ["first", "second"]) {
    for (const byte of head) {
      expect(parser.feed(Buffer.of(byte))).toBe(1);
      if (byte !== head.at(-1)) expect(parser.midway).toBe(true);
    }
    const raw = parser.take();
    expect(raw?.target).toBe(`/${"p".repeat(50)}`);
    expect(raw?.line).toBe(`GET /${"p".repeat(50)} HTTP/1.1\r\n`);
    expect(raw?.fields).toEqual(lines.flatMap((line) => line.trim().split(": ")));
    expect(parser.midway).toBe(false);
  }
});

test("HeadParser reads interim and final answers", () => {
  const parser = new HeadParser("response");
  const interim = "HTTP/1.1 103 Early\r\nLink: a\r\n\r\n";
  const final = "HTTP/1.0 799 Odd one\xff\r\nA: b\r\n\r\n";
  expect(parser.feed(bytes(interim + final))).toBe(interim.length);
  expect(parser.take()).toMatchObject({ status: 103, reason: "Early", fields: ["Link", "a"] });
  expect(parser.feed(bytes(`${final}body`))).toBe(final.length);
  expect(parser.take()).toMatchObject({
    status: 799,
    reason: "Odd one\xff",
    versionMinor: 0,
    keepAlive: false,
  });
});

test.each([
  ["a bare line feed", "GET / HTTP/1.1\nHost: x\r\n\r\n"],
  ["a bare line feed after a header", "GET / HTTP/1.1\r\nHost: x\n\r\n"],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n"],
  ["a folded header", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"],
  ["both lengths", "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["two lengths", "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"],
  ["a length list", "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n"],
  ["a signed length", "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n"],
  ["a NUL in a value", "GET / HTTP/1.1\r\nA: \0\r\n\r\n"],
  ["a header without a name", "GET / HTTP/1.1\r\n: a\r\n\r\n"],
  ["a method that is no token", "g@t / HTTP/1.1\r\n\r\n"],
  ["no method", " / HTTP/1.1\r\n\r\n"],
  ["HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
])("HeadParser refuses %s, in a first head and in later ones", (_, head) => {
  for (const before of [
    "",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
  ]) {
    const parser = new HeadParser("request");
    if (before !== "") parser.feed(bytes(before));
    parser.take();
    expect(() => parser.feed(bytes(head))).toThrow(ParseFailure);
    const slow = new HeadParser("request");
    if (before !== "") slow.feed(bytes(before));
    slow.take();
    expect(() => {
      for (const byte of bytes(`${head}GET / HTTP/1.1\r\n\r\n`)) {
        slow.feed(Buffer.of(byte));
        if (slow.take() !== null) throw new Error("accepted");
      }
    }).toThrow(ParseFailure);
  }
});

test.each([
  ["one value that is too long", `A: ${"v".repeat(HEAD_BYTES_MAX)}`],
  ["white space that llhttp does not count", `A:${" ".repeat(HEAD_BYTES_MAX)}`],
  ["too many headers", "A: b\r\n".repeat(FIELDS_MAX + 1)],
])("HeadParser refuses a head with %s", (_, lines) => {
  const parser = new HeadParser("request");
  const feed = () => {
    const head = bytes(`GET / HTTP/1.1\r\n${lines}\r\n\r\n`);
    for (let at = 0; at < head.length; at += 1000) parser.feed(head.subarray(at, at + 1000));
  };
  expect(feed).toThrow(expect.objectContaining({ kind: "tooLarge" }));
});

test("ChunkedParser reads body after body and stops behind each", () => {
  const parser = new ChunkedParser();
  for (const trailers of [[], ["X-Sum", "5", "X-More", "\xe9"], []]) {
    const pieces: string[] = [];
    const lines = trailers.flatMap((text, index) =>
      index % 2 === 0 ? `${text}: ` : `${text}\r\n`,
    );
    const body = `3;ext="1"\r\nabc\r\n0A\r\n0123456789\r\n0\r\n${lines.join("")}\r\n`;
    parser.begin();
    expect(parser.done).toBe(false);
    expect(parser.feed(bytes(`${body}GET /`), (piece) => pieces.push(piece.toString()))).toBe(
      body.length,
    );
    expect(parser.done).toBe(true);
    expect(pieces).toEqual(["abc", "0123456789"]);
    expect(parser.trailers).toEqual(trailers);
  }
});

test("ChunkedParser finds the end of a body that arrives a byte at a time", () => {
  const parser = new ChunkedParser();
  parser.begin();
  let text = "";
  const body = "3\r\nabc\r\n0\r\nT: v\r\n\r\n";
  for (let at = 0; at < body.length; at += 1) {
    expect(parser.done).toBe(false);
    parser.feed(bytes(body.charAt(at)), (piece) => {
      text += piece.toString();
    });
  }
  expect(parser.done).toBe(true);
  expect(text).toBe("abc");
  expect(parser.trailers).toEqual(["T", "v"]);
});

test.each([
  ["a sign", "+3\r\n"],
  ["a prefix", "0x3\r\n"],
  ["a bare line feed", "3\nabc"],
  ["a space", "3 \r\nabc\r\n"],
  ["no size", "\r\n"],
  ["more than the size says", "3\r\nabcd\r\n"],
  ["a bare line feed behind the data", "3\r\nabc\n0\r\n\r\n"],
  ["a size beyond 64 bits", "FFFFFFFFFFFFFFFFF\r\n"],
  ["an extension over two lines", '3;a="x\ny"\r\nabc\r\n'],
  ["a trailer with a space before its colon", "0\r\nA : b\r\n\r\n"],
  ["endless extensions", `3;${"e".repeat(HEAD_BYTES_MAX)}\r\n`],
  ["endless trailers", `0\r\n${`T: ${"v".repeat(100)}\r\n`.repeat(1000)}`],
  ["many trailers", `0\r\n${"T: v\r\n".repeat(FIELDS_MAX + 50)}`],
])("ChunkedParser refuses chunks with %s", (_, body) => {
  const parser = new ChunkedParser();
  parser.begin();
  expect(() => parser.feed(bytes(body), () => undefined)).toThrow(ParseFailure);
  const slow = new ChunkedParser();
  slow.begin();
  expect(() => {
    for (const byte of bytes(body)) slow.feed(Buffer.of(byte), () => undefined);
    slow.feed(bytes("0"), () => undefined);
  }).toThrow(ParseFailure);
  expect(slow.done).toBe(false);
});
