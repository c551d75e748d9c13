// A key-value store for one tenant, in SQLite, and a WebSocket that echoes. Listens on a Unix socket.
import { Database } from "bun:sqlite";

const tenant = process.env["TENEMENT_INSTANCE"] ?? "nobody";
const database = new Database(process.env["DATABASE_PATH"] ?? "store.db");
database.run("pragma journal_mode = wal");
database.run("create table if not exists entries (key text primary key, value text not null)");

const select = database.query<{ value: string }, [string]>(
  "select value from entries where key = ?",
);
const upsert = database.query(
  "insert into entries values (?, ?) on conflict (key) do update set value = excluded.value",
);
const remove = database.query("delete from entries where key = ?");
const NOT_FOUND = { error: "no such key" };

const server = Bun.serve({
  unix: process.env["SOCKET_PATH"] ?? "store.sock",
  routes: {
    "/": () => Response.json({ tenant }),
    "/health": () => Response.json({ status: "ok" }),
    "/ws": (request, server) =>
      server.upgrade(request)
        ? undefined
        : Response.json({ error: "not a WebSocket" }, { status: 400 }),
    "/entries/:key": {
      GET: ({ params: { key } }) => {
        const entry = select.get(key);
        return entry === null
          ? Response.json(NOT_FOUND, { status: 404 })
          : new Response(entry.value);
      },
      PUT: async (request) => {
        const { key } = request.params;
        const value = await request.text();
        upsert.run(key, value);
        console.log(`set ${key}`);
        return Response.json({ key, value });
      },
      DELETE: ({ params: { key } }) =>
        remove.run(key).changes > 0
          ? new Response(null, { status: 204 })
          : Response.json(NOT_FOUND, { status: 404 }),
    },
  },
  websocket: {
    open: (socket) => void socket.send(`hello from ${tenant}`),
    message: (socket, message) => void socket.send(message),
  },
  fetch: () => Response.json({ error: "no such page" }, { status: 404 }),
});
console.log(`store of ${tenant} is ready`);

// The signal arrives when every request is answered; only WebSockets are still open.
process.on("SIGTERM", async () => {
  await server.stop(true);
  database.close();
  console.log("stopped");
});
