// A release whose program accepts connections before it has loaded its application, and ends when it can't load it.
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Ten, withTen } from "../support/ten.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 120_000;
const REQUESTS = 120;

/** Listens at once, as a master of workers does, and answers once a worker has loaded the application. */
const MASTER = `
const { port } = Bun.listen({ hostname: "127.0.0.1", port: process.env.PORT, socket: {
  open(socket) { socket.end(); },
  data() {},
} });
`;

const GOOD = `
Bun.serve({ port: process.env.PORT, fetch: () => new Response(VERSION) });
`;

const BAD: Readonly<Record<string, string>> = {
  "accepts without an answer, and ends": `${MASTER}
    setTimeout(() => { console.error("ModuleNotFoundError: wsgi"); process.exit(3); }, 300);`,
  "answers with errors": GOOD.replace("Response(VERSION)", 'Response("x", { status: 500 })'),
  "answers, and ends soon after": `${GOOD}
    setTimeout(() => { console.error("ModuleNotFoundError: wsgi"); process.exit(3); }, 700);`,
};

const CONFIG = `
[service.app]
command = "bun app.ts"
startup_timeout = 3
`;

function release(ten: Ten, source: string, version: string): void {
  const text = source.replace("VERSION", JSON.stringify(version));
  writeFileSync(join(ten.root, "app/app.ts"), text);
}

/** Sends requests until told to stop; resolves with their statuses. */
function load(ten: Ten, host: string) {
  const statuses: number[] = [];
  let goesOn = true;
  const running = (async () => {
    while (goesOn || statuses.length < REQUESTS) {
      statuses.push((await ten.get(host, "/")).status);
    }
  })();
  return {
    statuses,
    async end(): Promise<readonly number[]> {
      goesOn = false;
      await running;
      return statuses;
    },
  };
}

test.each(Object.entries(BAD))(
  "a release that %s replaces nothing, and no request fails",
  (_, source) =>
    withTen({ configText: CONFIG }, async (ten) => {
      release(ten, GOOD, "v1");
      await ten.must("spawn", "app:alice", "app:bob");
      const requests = load(ten, "alice.app.localhost");
      await until("requests are answered", () => requests.statuses.length > 5);
      release(ten, source, "v2");
      const { exitCode, stderr } = await ten.ten("rollout", "app");
      expect(exitCode).toBe(1);
      expect(stderr).toContain('Cannot replace "app:alice"');
      expect(stderr).toContain("app:bob");
      const statuses = await requests.end();
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
      expect((await ten.get("bob.app.localhost", "/")).text).toBe("v1");
      expect((await ten.get("alice.app.localhost", "/")).text).toBe("v1");
    }),
  TIMEOUT_MS,
);

test.each(Object.entries(BAD))(
  "a release that %s gets no traffic by a deploy",
  (_, source) =>
    withTen({ configText: CONFIG }, async (ten) => {
      release(ten, GOOD, "v1");
      await ten.must("deploy", "app:v1");
      const requests = load(ten, "app.localhost");
      release(ten, source, "v2");
      const { exitCode, stderr } = await ten.ten("deploy", "app:v2");
      expect(exitCode).toBe(1);
      expect(stderr).toContain('"app:v2"');
      const statuses = await requests.end();
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
      expect((await ten.get("app.localhost", "/")).text).toBe("v1");
    }),
  TIMEOUT_MS,
);

test(
  "a good release replaces all processes, and the command says what counted as ready",
  () =>
    withTen({ configText: CONFIG }, async (ten) => {
      release(ten, GOOD, "v1");
      await ten.must("spawn", "app:alice");
      release(ten, GOOD, "v2");
      expect(await ten.must("rollout", "app")).toStartWith("The service has no health");
      expect((await ten.get("alice.app.localhost", "/")).text).toBe("v2");
    }),
  TIMEOUT_MS,
);
