// Shared by the benchmarks: a server, free ports, waiting for a port, medians.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TEN = join(import.meta.dir, "../dist/ten");

export interface Server extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  ten(...args: string[]): Promise<string>;
}

/** Starts a compiled server with `config` on a free port of 127.0.0.1. */
export async function serve(config: string, binary = TEN): Promise<Server> {
  const directory = mkdtempSync(join(tmpdir(), "ten-bench-"));
  // Walled tenants run here as other users.
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, "tenement.toml"), config);
  const port = freePort();
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory };
  const options = { cwd: directory, env, stderr: "inherit" } as const;
  const server = Bun.spawn([binary, "serve", "--port", String(port), "--bind", "127.0.0.1"], {
    ...options,
    stdout: "ignore",
  });
  await untilListening(port);
  return {
    port,
    pid: server.pid,
    async ten(...args) {
      const child = Bun.spawn([binary, ...args], { ...options, stdout: "pipe" });
      const output = await child.stdout.text();
      if ((await child.exited) !== 0) throw new Error(`ten ${args.join(" ")} failed`);
      return output;
    },
    async [Symbol.asyncDispose]() {
      server.kill("SIGTERM");
      await server.exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Below the ports of tenants and of outgoing connections, which others take before this one is used. */
const [PORT_MIN, PORT_COUNT] = [10_000, 20_000];

/** A port that nothing listens on. */
export function freePort(): number {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * PORT_COUNT);
    try {
      const options = { hostname: "127.0.0.1", port, socket: { data: () => undefined } };
      Bun.listen(options).stop(true);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}

/** Polls every millisecond; resolves with the milliseconds it took. */
export async function untilListening(port: number): Promise<number> {
  const begun = performance.now();
  for (;;) {
    try {
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: { data: () => undefined },
      });
      socket.end();
      return performance.now() - begun;
    } catch {
      await Bun.sleep(1);
    }
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** One run of wrk with 50 connections. Throws if a request has failed. */
export async function wrk(
  url: string,
  seconds: number,
  headers: readonly string[] = [],
): Promise<{ requests: number; perSecond: number }> {
  const fields = headers.flatMap((header) => ["-H", header]);
  const argv = ["wrk", "-t1", "-c50", `-d${seconds}s`, ...fields, url];
  const output = await Bun.spawn(argv).stdout.text();
  const failed = /Non-2xx[^\n]*|Socket errors[^\n]*/.exec(output)?.[0];
  if (failed !== undefined) throw new Error(failed);
  return {
    requests: Number(/(\d+) requests in/.exec(output)?.[1]),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
  };
}
