// A tenant for large bodies: /down sends `bytes` of a repeating pattern, /up answers with the SHA-256 of its body.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

const PATTERN = Buffer.alloc(1 << 16, "0123456789abcdef-");

createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  if (pathname === "/up") {
    const hash = createHash("sha256");
    for await (const chunk of request) hash.update(chunk);
    response.end(hash.digest("hex"));
    return;
  }
  const bytes = Number(searchParams.get("bytes") ?? 0);
  response.writeHead(200, { "Content-Length": bytes });
  for (let left = bytes; left > 0; left -= PATTERN.length) {
    const chunk = left < PATTERN.length ? PATTERN.subarray(0, left) : PATTERN;
    if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
  }
  response.end();
}).listen(Number(process.env.PORT), "127.0.0.1");
