import { rmSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import type { StorageAnswer } from "../../src/control/wire-instances.ts";
import { fetchReply } from "../support/request.ts";
import { STORING_COMMAND } from "../support/tenants/command.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { until } from "../support/until.ts";

const ALICE = "alice.app.localhost";

function configWith(keys: string): string {
  return `[service.app]\ncommand = "${STORING_COMMAND}"\nidle_timeout = 0\n${keys}\n`;
}

/** Measures an instance now. */
async function measure(ten: Ten, ref = "app:alice"): Promise<StorageAnswer> {
  const path = `/api/instances/${ref}/storage`;
  const token = /^ {2}(\S+)$/m.exec(await ten.must("token-gen"))?.[1];
  const headers = { Authorization: `Bearer ${token}` };
  const reply = await fetchReply({ port: ten.port, host: "localhost", path }, { headers });
  expect(reply.status).toBe(200);
  return reply.json<StorageAnswer>();
}

async function write(ten: Ten, name: string, mib: number): Promise<string> {
  return (await ten.get(ALICE, `/write?name=${name}&mib=${mib}`)).text;
}

async function notesOf(ten: Ten): Promise<string[]> {
  const { stdout } = await ten.ten("logs", "app:alice");
  return stdout.split("\n").filter((line) => line.includes("ten: storage"));
}

describe("a quota", () => {
  test("that is exceeded is warned of: in the log, by the server, in ps, in why and in the metrics", () =>
    withTen({ configText: configWith("storage_quota_mb = 10") }, async (ten) => {
      await ten.must("spawn", "app:alice");
      expect(await write(ten, "a", 9)).toBe("written");
      expect((await measure(ten)).usage_percent).toBeGreaterThan(89);
      const told = "app:alice: storage fills up: 9.0 of 10.0 MiB (90 %)";
      await until("the server says so", () => ten.output.includes(told));
      expect(await notesOf(ten)).toHaveLength(1);
      expect(await write(ten, "b", 2)).toBe("written");
      await measure(ten);
      expect(await notesOf(ten)).toHaveLength(2);
      const over = "storage is over its quota: 11.0 of 10.0 MiB (110 %)";
      expect(await ten.must("ps")).toContain(over);
      expect(await ten.must("why", "app:alice")).toContain(over);
      expect((await ten.instance("app:alice"))?.state).toBe("running");
      const { stdout: token } = await ten.ten("token-gen", "--json");
      const { token: bearer } = JSON.parse(token) as { token: string };
      const reply = await fetchReply(
        { port: ten.port, host: "localhost", path: "/metrics" },
        { headers: { Authorization: `Bearer ${bearer}` } },
      );
      const labels = '{service="app",instance="alice"}';
      expect(reply.text).toContain(`ten_instance_storage_quota_bytes${labels} ${10 * 1024 ** 2}`);
      expect(reply.text).toMatch(
        /^ten_instance_storage_bytes\{service="app",instance="alice"\} 11\d{6}$/m,
      );
    }));

  test("that stops the instance says why, refuses its requests, and lets an operator start it again", () =>
    withTen(
      { configText: configWith('storage_quota_mb = 10\nstorage_enforce = "stop"') },
      async (ten) => {
        await ten.must("spawn", "app:alice");
        expect(await write(ten, "a", 12)).toBe("written");
        const { path } = await measure(ten);
        const over = "storage is over its quota: 12.0 of 10.0 MiB (120 %)";
        expect(await ten.untilState("app:alice", "stopped")).toMatchObject({ reason: over });
        expect((await ten.get(ALICE, "/")).status).toBe(503);
        expect(await ten.must("ps")).toContain(over);
        expect(await ten.must("why", "app:alice")).toContain(over);
        expect(await ten.must("audit")).toContain(over);
        await ten.restart();
        expect(await ten.instance("app:alice")).toMatchObject({ state: "stopped", reason: over });
        const refused = await ten.ten("start", "app:alice");
        expect(refused.exitCode).toBe(1);
        expect(refused.stderr).toContain(`error: Cannot start "app:alice": its ${over}`);
        expect(refused.stderr).toContain("hint: ");
        rmSync(`${path}/a`);
        await ten.must("start", "app:alice");
        expect((await ten.get(ALICE, "/")).status).toBe(200);
      },
    ));
});
