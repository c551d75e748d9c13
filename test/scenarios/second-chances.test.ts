import { describe, expect, test } from "bun:test";
import { Agent } from "node:http";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig, CLOSING_COMMAND, QUEUEING_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing, PYTHON } from "../support/tool.ts";
import { until } from "../support/until.ts";

const KILLS = 5;
const RESTARTS = "max_restarts = 100\nbackoff_base_ms = 10\nbackoff_max_ms = 20";

/** Kills the tenant and sends a request at once, again and again. */
async function killAndAsk(ten: Ten): Promise<number[]> {
  const statuses: number[] = [];
  for (let round = 0; round < KILLS; round++) {
    const { pid } = await ten.untilState("app:a", "running");
    process.kill(pid ?? 0, "SIGKILL");
    statuses.push((await ten.get("a.app.localhost", "/")).status);
  }
  return statuses;
}

describe("a request right behind the death of its tenant waits for the restart", () => {
  for (const level of ["process", "namespace"] as const) {
    const lacksLevel = level === "namespace" && isMissing(GCC);
    const configText = appConfig(`isolation = "${level}"`, RESTARTS);
    const all200 = Array.from({ length: KILLS }, () => 200);

    test.skipIf(lacksLevel)(`at level ${level}`, () =>
      withTen({ configText }, async (ten) => {
        await ten.must("spawn", "app:a");
        expect(await killAndAsk(ten)).toEqual(all200);
      }),
    );

    test.skipIf(lacksLevel)(`at level ${level} when an earlier server has started it`, () =>
      withTen({ configText }, async (ten) => {
        await ten.must("spawn", "app:a");
        await ten.kill9();
        await ten.start();
        expect(await killAndAsk(ten)).toEqual(all200);
      }),
    );
  }
});

describe.skipIf(isMissing(PYTHON))("requests that can't be repeated", () => {
  const configText = `[service.app]\ncommand = "${CLOSING_COMMAND}"\n`;

  test("succeed when the tenant closes each connection behind its answer, on kept connections of clients", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const client = async () => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const statuses: number[] = [];
        for (let count = 0; count < 50; count++) {
          for (const method of ["GET", "POST"]) {
            const { status } = await ten.get("a.app.localhost", "/", { method, agent });
            statuses.push(status);
          }
        }
        agent.destroy();
        return statuses;
      };
      const statuses = (await Promise.all([client(), client(), client(), client()])).flat();
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
    }));
});

describe.skipIf(isMissing(PYTHON))("a tenant with a full queue", () => {
  const configText =
    `[settings]\nhealth_check_interval = 1\n[service.app]\ncommand = "${QUEUEING_COMMAND}"\n` +
    'health = "/"\n';

  test("answers all requests, and is not restarted for a health check that finds no room", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", "app:a");
      const seen = await ten.instance("app:a");
      let served = 0;
      const statuses = new Set<number>();
      const client = async () => {
        while (served < 60) {
          statuses.add((await ten.get("a.app.localhost", "/", { method: "POST" })).status);
          served += 1;
        }
      };
      await Promise.all(Array.from({ length: 12 }, client));
      expect([...statuses]).toEqual([200]);
      const after = await until("it is at rest", async () => {
        const found = await ten.instance("app:a");
        return found?.health === "healthy" && found;
      });
      expect({ pid: after.pid, restarts: after.restarts }).toEqual({
        pid: seen?.pid ?? 0,
        restarts: 0,
      });
    }));
});
