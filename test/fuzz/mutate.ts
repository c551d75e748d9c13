// Mutations of HTTP messages: bytes changed, removed, doubled, inserted and cut off.
import type { Random } from "../support/random.ts";

/** What decides framing, length, limits or encoding. */
const TOKENS: readonly string[] = [
  ...["\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", ",", "%00", "\xff", "\r\n\r\n", "\r\n "],
  ...[
    "Content-Length: 5\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 99999999999999999999\r\n",
  ],
  ...["Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity, chunked\r\n"],
  ...["Connection: close\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\n"],
  ...["Connection: host\r\n", "Expect: 100-continue\r\n", "Trailer: Host\r\n", "Host: \r\n"],
  ...["0\r\n\r\n", "0\r\n", "5\r\nabcde\r\n", "fffffffffffffffff\r\n", "1;x=y\r\nz\r\n"],
  ...["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"],
  ...["HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/2"],
  ...["HTTP/0.9", "HTTP/1.0", "GET / HTTP/1.1\r\n", "POST", "CONNECT x:1 HTTP/1.1\r\n"],
  `X: ${"y".repeat(20_000)}\r\n`,
  "A: b\r\n".repeat(300),
];

/** Changes a message some times; one in four stays as it is. */
export function mutate(latin1: string, random: Random): string {
  let text = latin1;
  for (let count = random.below(4); count > 0; count -= 1) text = mutateOnce(text, random);
  return text;
}

function mutateOnce(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + random.below(20));
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(end);
    case 2:
      return text.slice(0, end) + text.slice(at);
    case 3:
      return text.slice(0, at);
    default:
      return text.slice(0, at) + random.pick(TOKENS) + text.slice(at);
  }
}

/** Cuts a message into a few pieces, sometimes into single bytes. */
export function cut(text: string, random: Random): readonly string[] {
  const size = random.pick([text.length, text.length, 1 + random.below(200), 1]);
  if (size === 0) return [];
  // Single bytes of a long message would take a round's time for the same path through the code.
  const step = Math.max(size, Math.ceil(text.length / 100));
  return Array.from({ length: Math.ceil(text.length / step) }, (_, index) =>
    text.slice(index * step, (index + 1) * step),
  );
}
