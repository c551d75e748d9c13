// Every example as a reader would run it: spawned, used through the proxy, asleep when idle, woken by a request.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { readEvents } from "../support/request.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { GO, isMissing, NODE, PYTHON } from "../support/tool.ts";

/** A loaded machine, and a first build of Go's standard library. */
const TIMEOUT_MS = 180_000;
const SLEEPY = { idle_timeout: 1 };

const noPython = isMissing(PYTHON);
const noNode = isMissing(NODE);
const noGo = isMissing(GO);

test.skipIf(noPython)(
  "hello: a shell script greets each tenant from files of its own",
  () =>
    withTen({ example: "hello", service: SLEEPY }, async (ten) => {
      expect(await ten.must("spawn", "hello:alice", "hello:bob")).toContain(
        `hello:alice is ready at http://alice.hello.localhost:${ten.port}`,
      );
      expect((await ten.get("alice.hello.localhost", "/")).text).toContain("Hello, alice!");
      expect((await ten.get("bob.hello.localhost", "/")).text).toContain("Hello, bob!");

      const starts = await startsOf(ten, "alice");
      await ten.untilState("hello:alice", "asleep");
      expect(await startsOf(ten, "alice")).toBe(starts + 1);
    }),
  TIMEOUT_MS,
);

test.skipIf(noPython)(
  "notes-python: each tenant keeps its own notes, also across a sleep",
  () =>
    withTen({ example: "notes-python", service: SLEEPY }, async (ten) => {
      await ten.must("spawn", "--no-start", "notes:alice", "notes:bob");
      expect((await ten.instance("notes:alice"))?.state).toBe("asleep");

      const milk = await postNote(ten, { tenant: "alice", text: "buy milk" });
      await postNote(ten, { tenant: "bob", text: "call alice" });
      expect(await notesOf(ten, "alice")).toEqual(["buy milk"]);
      expect(await notesOf(ten, "bob")).toEqual(["call alice"]);

      await ten.untilState("notes:alice", "asleep");
      expect(await notesOf(ten, "alice")).toEqual(["buy milk"]);
      const removal = { method: "DELETE" };
      expect(await ten.get("alice.notes.localhost", `/notes/${milk}`, removal)).toMatchObject({
        status: 204,
        text: "",
      });
      expect(await notesOf(ten, "alice")).toEqual([]);
      expect(await notesOf(ten, "bob")).toEqual(["call alice"]);
      expect(await ten.must("logs", "notes:alice", "--search", "DELETE")).toContain(
        `DELETE /notes/${milk} 204`,
      );
    }),
  TIMEOUT_MS,
);

test.skipIf(noPython)(
  "notes-python: an invalid note is refused",
  () =>
    withTen({ example: "notes-python" }, async (ten) => {
      await ten.must("spawn", "notes:alice");
      for (const body of ["", "nonsense", '{"text": 1}', '{"text": " "}', "[]"]) {
        const reply = await ten.get("alice.notes.localhost", "/notes", { method: "POST", body });
        expect([body, reply.status]).toEqual([body, 400]);
      }
      expect(await notesOf(ten, "alice")).toEqual([]);
    }),
  TIMEOUT_MS,
);

test.skipIf(noNode)(
  "node-http: an event stream receives the messages of its own board and keeps the board awake",
  () =>
    withTen({ example: "node-http", service: SLEEPY }, async (ten) => {
      await ten.must("spawn", "board:alice", "board:bob");
      const streams = {
        alice: await ten.open("alice.board.localhost", "/events"),
        bob: await ten.open("bob.board.localhost", "/events"),
      };
      const events = { alice: readEvents(streams.alice), bob: readEvents(streams.bob) };
      await post(ten, { tenant: "alice", body: "for alice" });
      await post(ten, { tenant: "bob", body: "for bob" });
      expect(await nextText(events.alice)).toBe("for alice");
      expect(await nextText(events.bob)).toBe("for bob");
      expect(JSON.parse(await ten.must("why", "board:alice", "--json"))).toMatchObject({
        state: "running",
        open_requests: 1,
        sleeps_at: null,
      });

      streams.alice.destroy();
      await ten.untilState("board:alice", "asleep");
      expect((await ten.instance("board:bob"))?.state).toBe("running");
      const messages = (await ten.get("alice.board.localhost", "/messages")).json<Message[]>();
      expect(messages.map(({ text }) => text)).toEqual(["for alice"]);
      streams.bob.destroy();
    }),
  TIMEOUT_MS,
);

test(
  "bun-http: entries are kept and WebSocket messages echoed over a Unix socket",
  () =>
    withTen({ example: "bun-http", service: SLEEPY }, async (ten) => {
      await ten.must("spawn", "store:alice", "store:bob");
      const put = { method: "PUT", body: "blue" };
      expect((await ten.get("alice.store.localhost", "/entries/color", put)).status).toBe(200);
      expect((await ten.get("bob.store.localhost", "/entries/color")).status).toBe(404);

      const socket = ten.webSocket("alice.store.localhost", "/ws");
      expect(await socket.next()).toBe("hello from alice");
      expect((await ten.instance("store:alice"))?.socket).toMatch(
        /\/(?:store\.alice\.sock|store-alice\.sock|socket)$/,
      );
      socket.send("a text");
      expect(await socket.next()).toBe("a text");
      const binary = Buffer.from([0, 1, 254, 255]);
      socket.send(binary);
      expect(await socket.next()).toEqual(binary);
      socket.close(4001);
      expect(await socket.closed()).toBe(4001);

      await ten.untilState("store:alice", "asleep");
      expect((await ten.get("alice.store.localhost", "/entries/color")).text).toBe("blue");
    }),
  TIMEOUT_MS,
);

test(
  "bun-http: putting an instance to sleep closes its WebSockets",
  () =>
    withTen({ example: "bun-http" }, async (ten) => {
      await ten.must("spawn", "store:alice");
      const socket = ten.webSocket("alice.store.localhost", "/ws");
      await socket.next();
      await ten.must("sleep", "store:alice");
      expect(await socket.closed()).toBeGreaterThan(0);
      expect((await ten.instance("store:alice"))?.state).toBe("asleep");
    }),
  TIMEOUT_MS,
);

test.skipIf(noGo)(
  "go-http: each tenant has its own count, also across a sleep",
  () =>
    withTen({ example: "go-http", service: SLEEPY }, async (ten) => {
      buildGo(ten);
      await ten.must("spawn", "counter:alice", "counter:bob");
      expect(await count(ten, "alice")).toBe(1);
      expect(await count(ten, "alice")).toBe(2);
      expect(await count(ten, "bob")).toBe(1);

      await ten.untilState("counter:alice", "asleep");
      expect(await count(ten, "alice")).toBe(3);
    }),
  TIMEOUT_MS,
);

test.skipIf(noPython || noNode || noGo)(
  "multi-runtime: four runtimes answer at subdomains of one server",
  () =>
    withTen({ example: "multi-runtime" }, async (ten) => {
      buildGo(ten);
      const services = ["notes", "board", "store", "counter"];
      await ten.must("spawn", "--no-start", ...services.map((service) => `${service}:alice`));
      for (const service of services) {
        const reply = await ten.get(`alice.${service}.localhost`, "/");
        expect([service, reply.json<{ tenant: string }>().tenant]).toEqual([service, "alice"]);
      }
      expect((await ten.get("www.localhost", "/")).text).toContain("<title>Four runtimes</title>");
      expect((await ten.get("python.localhost", "/")).json<object>()).toEqual({
        tenant: "alice",
        notes: 0,
      });
      expect((await ten.get("bob.notes.localhost", "/")).status).toBe(404);
      const running = JSON.parse(await ten.must("ps", "--json")) as { id: string }[];
      expect(running.map(({ id }) => id).sort()).toEqual([
        "board:alice",
        "counter:alice",
        "home:main",
        "notes:alice",
        "store:alice",
      ]);
    }),
  TIMEOUT_MS,
);

/** How often the tenant was started. */
async function startsOf(ten: Ten, tenant: string): Promise<number> {
  return (await ten.get(`${tenant}.hello.localhost`, "/starts.txt")).text.trim().split("\n").length;
}

interface Message {
  readonly text: string;
}

async function postNote(
  ten: Ten,
  { tenant, text }: { tenant: string; text: string },
): Promise<number> {
  const body = JSON.stringify({ text });
  const reply = await ten.get(`${tenant}.notes.localhost`, "/notes", { method: "POST", body });
  expect(reply.status).toBe(201);
  return reply.json<{ id: number }>().id;
}

async function notesOf(ten: Ten, tenant: string): Promise<string[]> {
  const notes = (await ten.get(`${tenant}.notes.localhost`, "/notes")).json<Message[]>();
  return notes.map(({ text }) => text);
}

async function post(ten: Ten, { tenant, body }: { tenant: string; body: string }): Promise<void> {
  const reply = await ten.get(`${tenant}.board.localhost`, "/messages", { method: "POST", body });
  expect(reply.status).toBe(201);
}

async function nextText(events: AsyncGenerator<string>): Promise<string> {
  const { value } = await events.next();
  return (JSON.parse(value) as Message).text;
}

async function count(ten: Ten, tenant: string): Promise<number> {
  const reply = await ten.get(`${tenant}.counter.localhost`, "/count", { method: "POST" });
  return reply.json<{ count: number }>().count;
}

function buildGo(ten: Ten): void {
  const { success, stderr } = Bun.spawnSync(["go", "build", "-o", "server", "."], {
    cwd: join(ten.root, "examples/go-http"),
    env: { ...process.env, GOTOOLCHAIN: "local" },
  });
  if (!success) throw new Error(stderr.toString());
}
