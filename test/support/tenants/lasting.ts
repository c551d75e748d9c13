// A tenant whose responses last until a test ends them.
import { existsSync } from "node:fs";

const { GATED, PORT, TENEMENT_DATA_DIR, TENEMENT_INSTANCE } = process.env;

console.log("born");

// Listens once the test creates the file.
while (GATED !== undefined && !existsSync(`${TENEMENT_DATA_DIR}/gate`)) await Bun.sleep(10);

/** Identifies this process; behind walls several have the same pid. */
const birth = crypto.randomUUID();

const CHATTER_MS = 2;
const held = new Set<ReadableStreamDefaultController>();
let lines = 0;
let chatter: Timer | null = null;

/** A stream that ends at a request for `/release`. */
function hold(): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue("begin\n");
      held.add(controller);
    },
  });
}

function release(): void {
  for (const controller of held) {
    controller.enqueue("end\n");
    controller.close();
  }
  held.clear();
}

async function measure(request: Request): Promise<string> {
  let bytes = 0;
  for await (const piece of request.body ?? []) bytes += piece.length;
  return String(bytes);
}

async function answer(request: Request): Promise<Response> {
  switch (new URL(request.url).pathname) {
    case "/birth":
      return new Response(birth);
    case "/held":
      return new Response(hold());
    case "/release":
      release();
      return new Response("released");
    case "/measure":
      return new Response(await measure(request));
    case "/chatter":
      chatter = setInterval(() => console.log(`chatter ${lines++}`), CHATTER_MS);
      return new Response("begun");
    case "/hush":
      clearInterval(chatter ?? undefined);
      return new Response(String(lines));
    default:
      return new Response(`hello from ${TENEMENT_INSTANCE}`);
  }
}

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(PORT),
  idleTimeout: 0,
  websocket: {
    message(socket, message) {
      socket.send(message);
    },
  },
  fetch: (request, server) =>
    request.url.endsWith("/socket") && server.upgrade(request) ? undefined : answer(request),
});
