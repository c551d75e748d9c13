// A tenant behind walls: reports its view of the system, leaves processes. With SOCKET=1 it listens on its socket.
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { hostname } from "node:os";

const { PORT, SOCKET, SOCKET_PATH = "", TENEMENT_DATA_DIR: home = "" } = process.env;

const facts = () => ({
  uid: process.getuid?.(),
  pid: process.pid,
  namespace: readlinkSync("/proc/self/ns/pid"),
  hostname: hostname(),
  processes: readdirSync("/proc").filter((name) => /^\d+$/.test(name)).length,
});

/** The content of a path, or the error code. */
function look(path: string): string {
  try {
    return statSync(path).isDirectory() ? readdirSync(path).join(" ") : readFileSync(path, "utf8");
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "?";
  }
}

/** Whether a port of the host's loopback address accepts a connection. */
async function reach(port: number): Promise<string> {
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: () => undefined },
    });
    socket.end();
    return "connected";
  } catch {
    return "refused";
  }
}

/** Starts a grandchild in another session that ignores SIGTERM and has no mark. */
function leaveDaemon(): void {
  const argv = ["setsid", "env", "-i", "/bin/sh", "-c", 'trap "" TERM; sleep 100000 & wait'];
  Bun.spawn(argv, { stdio: ["ignore", "ignore", "ignore"] });
}

async function answer(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const parameter = (name: string) => searchParams.get(name) ?? "";
  switch (pathname) {
    case "/facts":
      return Response.json(facts());
    case "/look":
      return new Response(look(parameter("path")));
    case "/reach":
      return new Response(await reach(Number(parameter("port"))));
    case "/write":
      appendFileSync(`${home}/journal`, parameter("text"));
      return new Response("written");
    case "/daemon":
      leaveDaemon();
      return new Response("left");
    case "/redirect-socket":
      unlinkSync(SOCKET_PATH);
      symlinkSync(parameter("to"), SOCKET_PATH);
      return new Response("redirected");
    case "/link":
      rmSync(`${home}/${parameter("name")}`, { recursive: true, force: true });
      symlinkSync(parameter("to"), `${home}/${parameter("name")}`);
      return new Response("linked");
    case "/stay":
      process.removeAllListeners("SIGTERM").on("SIGTERM", () => undefined);
      return new Response("here to stay");
    case "/exit":
      return process.exit(Number(parameter("code")));
    default:
      return new Response(`hello from ${process.env["TENEMENT_INSTANCE"]}`);
  }
}

process.on("SIGTERM", () => {
  console.log("asked to end");
  process.exit(3);
});

if (SOCKET === "1") Bun.serve({ unix: SOCKET_PATH, fetch: answer });
else Bun.serve({ hostname: "127.0.0.1", port: Number(PORT), fetch: answer });
