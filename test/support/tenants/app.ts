// The tenant of most scenarios: answers, logs, streams, crashes on request.
import { appendFileSync, existsSync, readFileSync } from "node:fs";

const dataDir = process.env["TENEMENT_DATA_DIR"] ?? ".";
/** Identifies this process; behind walls several have the same pid. */
const PROCESS = crypto.randomUUID();
const journal = `${dataDir}/journal`;

if (process.env["TENEMENT_INSTANCE"] === "broken") {
  console.error("no such table");
  process.exit(1);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"]),
  idleTimeout: 0,
  websocket: {
    message(socket, message) {
      socket.send(message === "process" ? PROCESS : message);
    },
  },
  async fetch(request, bun) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/pid":
        return new Response(String(process.pid));
      case "/process":
        return new Response(PROCESS);
      case "/slow":
        await request.text();
        await Bun.sleep(20);
        return new Response(PROCESS);
      case "/env":
        return Response.json(process.env);
      case "/headers":
        return Response.json(request.headers);
      case "/forward": {
        const { url, headers } = (await request.json()) as {
          url: string;
          headers: Record<string, string>;
        };
        return fetch(url, { headers });
      }
      case "/log":
        console.log(searchParams.get("line"));
        return new Response("logged");
      case "/socket":
        return bun.upgrade(request) ? undefined : new Response("no", { status: 400 });
      case "/silence":
        return new Response(new ReadableStream({ start: (stream) => stream.enqueue("hush\n") }));
      case "/write":
        appendFileSync(journal, `${await request.text()}\n`);
        return new Response("written");
      case "/journal":
        return new Response(existsSync(journal) ? readFileSync(journal) : "");
      case "/exit":
        return process.exit(Number(searchParams.get("code")));
      case "/half":
        return new Response(halfAnswer(), { headers: { "Content-Type": "text/plain" } });
      default:
        return new Response(`hello from ${process.env["TENEMENT_INSTANCE"]}`);
    }
  },
});

/** A response during which the process dies. */
function halfAnswer(): ReadableStream {
  return new ReadableStream({
    async start(stream) {
      stream.enqueue("the first half");
      await Bun.sleep(20);
      process.kill(process.pid, "SIGKILL");
    },
  });
}

process.on("SIGTERM", () => {
  server.stop(true);
  appendFileSync(journal, "stopped\n");
  process.exit(0);
});
