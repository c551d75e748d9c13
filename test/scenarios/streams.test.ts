import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { pipeline } from "node:stream/promises";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig, BULK_COMMAND } from "../support/tenants/command.ts";
import { isMissing, NODE } from "../support/tool.ts";
import { until } from "../support/until.ts";

const IDLE_SECONDS = 1;
const GIBIBYTE = 2 ** 30;
const MEMORY_RISE_MAX = 32 * 2 ** 20;
const PATTERN = Buffer.alloc(1 << 16, "0123456789abcdef-");

describe("an open stream", () => {
  const configText = appConfig(`idle_timeout = ${IDLE_SECONDS}`);

  test("lasts over three idle timeouts, as a WebSocket and as a silent response, and the tenant sleeps after it", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a", "app:b");
      await using socket = ten.webSocket("a.app.localhost", "/socket");
      const silent = await ten.open("b.app.localhost", "/silence");
      const [first] = (await silent[Symbol.asyncIterator]().next()).value.toString().split("\n");
      expect(first).toBe("hush");
      await ten.must("spawn", "app:c");
      for (let slept = 0; slept < 3; slept++) {
        // A third tenant is the clock: each of its sleeps means that an idle timeout has passed.
        await ten.untilState("app:c", "asleep");
        if (slept < 2) await ten.get("c.app.localhost", "/");
      }
      socket.send("still here");
      expect(await socket.next()).toBe("still here");
      expect((await ten.instance("app:b"))?.state).toBe("running");
      silent.destroy();
      socket.close();
      await ten.untilState("app:a", "asleep");
      await ten.untilState("app:b", "asleep");
    }));

  test("of a WebSocket is closed by the application at a stop, which doesn't wait for the stream", () =>
    withTen({ configText: appConfig("stop_timeout = 600") }, async (ten) => {
      await ten.must("spawn", "app:a");
      const socket = ten.webSocket("a.app.localhost", "/socket");
      socket.send("hello");
      await socket.next();
      await Promise.all([ten.must("stop", "app:a"), socket.closed()]);
      expect((await ten.get("a.app.localhost", "/journal")).status).toBe(503);
    }));
});

describe.skipIf(isMissing(NODE))("a gibibyte", () => {
  const configText = `[service.bulk]\ncommand = "${BULK_COMMAND}"\n`;

  test("is downloaded byte-identical within a bound of server memory", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "bulk:a");
      await ten.get("a.bulk.localhost", "/down?bytes=1000000");
      const memory = new MemoryWatch(ten);
      const response = await ten.open("a.bulk.localhost", `/down?bytes=${GIBIBYTE}`);
      expect(response.headers["content-length"]).toBe(String(GIBIBYTE));
      const received = createHash("sha256");
      await pipeline(response, received);
      expect(received.digest("hex")).toBe(patternHash());
      expect(memory.rise()).toBeLessThan(MEMORY_RISE_MAX);
    }));

  test("is uploaded byte-identical within a bound of server memory", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "bulk:a");
      await upload(ten, 1_000_000);
      const memory = new MemoryWatch(ten);
      expect(await upload(ten, GIBIBYTE)).toBe(patternHash());
      expect(memory.rise()).toBeLessThan(MEMORY_RISE_MAX);
    }));
});

describe("a tenant that dies during a response", () => {
  test("gives its client an aborted response and is restarted", () =>
    withTen({ configText: appConfig() }, async (ten) => {
      await ten.must("spawn", "app:a");
      const { pid } = (await ten.instance("app:a")) ?? {};
      await expect(ten.get("a.app.localhost", "/half")).rejects.toThrow();
      await until("another process runs", async () => {
        const instance = await ten.instance("app:a");
        return instance?.state === "running" && instance.pid !== pid;
      });
      expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
    }));
});

/** The growth of a server's peak resident memory, as the kernel records it. */
class MemoryWatch {
  readonly #status: string;
  readonly #before: number;

  constructor({ pid }: Ten) {
    this.#status = `/proc/${pid}/status`;
    this.#before = this.#peak();
  }

  rise(): number {
    return this.#peak() - this.#before;
  }

  #peak(): number {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(this.#status, "utf8"))?.[1];
    return Number(kilobytes) * 1024;
  }
}

let knownHash: string | null = null;

function patternHash(): string {
  if (knownHash === null) {
    const hash = createHash("sha256");
    for (let sent = 0; sent < GIBIBYTE; sent += PATTERN.length) hash.update(PATTERN);
    knownHash = hash.digest("hex");
  }
  return knownHash;
}

function* patternChunks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= PATTERN.length) yield PATTERN.subarray(0, left);
}

/** Resolves with the hash that the tenant computed. */
async function upload(ten: Ten, bytes: number): Promise<string> {
  const answered = Promise.withResolvers<string>();
  const sent = request(
    {
      host: "127.0.0.1",
      port: ten.port,
      path: "/up",
      method: "POST",
      agent: false,
      headers: { Host: "a.bulk.localhost", "Content-Length": bytes },
    },
    async (response) => answered.resolve(Buffer.concat(await response.toArray()).toString()),
  );
  await pipeline(patternChunks(bytes), sent);
  return answered.promise;
}
