// A tenant that takes as much memory, processor time or processes as it can.
import { readFileSync } from "node:fs";

const MEBIBYTE = 1024 * 1024;
const held: Uint8Array[] = [];

/** Touches memory until there is `megabytes` of it, or until it is killed. */
function eat(megabytes: number): void {
  while (held.length < megabytes) held.push(new Uint8Array(MEBIBYTE).fill(1));
}

/** A process that never rests, on the first processor, so that two of them compete. */
function spin(): number {
  return Bun.spawn(["taskset", "-c", "0", "/bin/sh", "-c", "while :; do :; done"], {
    stdio: ["ignore", "ignore", "ignore"],
  }).pid;
}

/** Starts processes until one fails; returns the error code, or the number of processes. */
function breed(count: number): string {
  for (let number = 1; number <= count; number++) {
    try {
      Bun.spawn(["sleep", "100000"], { stdio: ["ignore", "ignore", "ignore"] });
    } catch (error) {
      return `${(error as NodeJS.ErrnoException).code}`;
    }
  }
  return String(count);
}

/** Starts a grandchild in another session that ignores SIGTERM and has no mark; returns its pid. */
async function leaveDaemon(): Promise<string> {
  const script = 'trap "" TERM; echo $$; exec >/dev/null; while :; do sleep 100000; done';
  const { stdout } = Bun.spawn(["setsid", "env", "-i", "/bin/sh", "-c", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  return (await stdout.text()).trim();
}

async function answer(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const amount = Number(searchParams.get("amount"));
  switch (pathname) {
    case "/eat":
      eat(amount);
      return new Response("eaten");
    case "/spin":
      return new Response(String(spin()));
    case "/breed":
      return new Response(breed(amount));
    case "/daemon":
      return new Response(await leaveDaemon());
    case "/exit":
      return process.exit(amount);
    case "/groups":
      return new Response(readFileSync("/proc/self/cgroup", "utf8"));
    default:
      return new Response(`hello from ${process.env["TENEMENT_INSTANCE"]}`);
  }
}

Bun.serve({ hostname: "127.0.0.1", port: Number(process.env["PORT"]), fetch: answer });
