// examples/notes-python in TypeScript, for the demo on a machine without Python.
import { Database } from "bun:sqlite";

const { DATABASE_PATH, PORT, TENEMENT_INSTANCE: tenant } = process.env;
const database = new Database(DATABASE_PATH ?? ":memory:");
database.run(`create table if not exists notes (
  id integer primary key,
  text text not null,
  created_at text not null default (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
)`);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(PORT),
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const answer = await answerTo(request, pathname);
    console.log(`${request.method} ${pathname} ${answer.status}`);
    return answer;
  },
});

async function answerTo(request: Request, path: string): Promise<Response> {
  if (path === "/health") return Response.json({ status: "ok" });
  if (path !== "/notes") return Response.json({ error: "no such page" }, { status: 404 });
  if (request.method === "GET") return Response.json(database.query("select * from notes").all());
  const { text } = (await request.json()) as { text: string };
  const row = database.query("insert into notes (text) values (?) returning *").get(text);
  return Response.json(row, { status: 201 });
}

process.on("SIGTERM", () => {
  server.stop(true);
  database.close();
  process.exit(0);
});

console.log(`notes of ${tenant}`);
