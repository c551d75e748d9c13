import { expect, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

const REFS = ["app:a", "app:b"];
const DESCRIPTORS = 256;

/** Connections that send nothing. */
class Crowd implements Disposable {
  readonly #sockets: readonly Socket[];
  opened = 0;

  constructor(port: number, size: number) {
    this.#sockets = Array.from({ length: size }, () => {
      const socket = createConnection({ host: "127.0.0.1", port });
      socket.on("error", () => undefined);
      socket.once("connect", () => {
        this.opened += 1;
      });
      return socket;
    });
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function pidsOf(ten: Ten): Promise<unknown[]> {
  return await Promise.all(REFS.map(async (ref) => (await ten.instance(ref))?.pid));
}

test("more connections than descriptors leave tenants running, healthy and reachable, and the API too", () =>
  withTen(
    {
      configText: appConfig(),
      settings: { health_check_interval: 0.2, max_connections_per_address: 10_000 },
      prefix: ["prlimit", `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`],
    },
    async (ten) => {
      await ten.must("spawn", ...REFS);
      const pids = await pidsOf(ten);
      {
        using crowd = new Crowd(ten.port, 2 * DESCRIPTORS);
        await until("the crowd is there", () => crowd.opened === 2 * DESCRIPTORS);
        for (let count = 0; count < 5; count += 1) {
          await until("a request is answered", async () => {
            return (await ten.get("a.app.localhost", "/")).status === 200;
          });
          expect(await ten.must("ps")).toContain("app:b");
        }
        expect(await pidsOf(ten)).toEqual(pids);
      }
      for (const ref of REFS) {
        expect(await ten.must("health", ref)).toBe(`${ref}: healthy\n`);
        await ten.must("sleep", ref);
        await ten.untilState(ref, "asleep");
      }
    },
  ));

test("one address leaves room for others, and is told so", () =>
  withTen(
    { configText: appConfig(), settings: { max_connections_per_address: 8 } },
    async (ten) => {
      await ten.must("spawn", "app:a");
      const sockets = Array.from({ length: 8 }, () =>
        createConnection({ host: "127.0.0.1", port: ten.port }),
      );
      await Promise.all(
        sockets.map((socket) => new Promise<void>((resolve) => socket.once("connect", resolve))),
      );
      const refused = await ten.get("a.app.localhost", "/");
      expect(refused.status).toBe(503);
      for (const socket of sockets) socket.destroy();
      await until("there is room again", async () => {
        return (await ten.get("a.app.localhost", "/")).status === 200;
      });
      const metrics = await fetch("http://ten/metrics", { unix: `${ten.dataDir}/tenement.sock` });
      expect(await metrics.text()).toMatch(/ten_connections_ended_total\{reason="address"\} [1-9]/);
    },
  ));
