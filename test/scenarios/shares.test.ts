import { expect, test } from "bun:test";
import { type Ten, withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { until } from "../support/until.ts";

const WRONG_MAX = 10;

async function newToken(ten: Ten, ...flags: readonly string[]): Promise<string> {
  const answer = JSON.parse(await ten.must("token-gen", "--json", ...flags)) as { token: string };
  return answer.token;
}

test("wrong tokens behind a trusted proxy limit the client that sent them, and no right token", () =>
  withTen({ configText: appConfig("", 'trusted_proxies = ["127.0.0.1", "::1"]') }, async (ten) => {
    const token = await newToken(ten);
    const ask = async (client: string, bearer: string) => {
      const headers = {
        "X-Forwarded-For": `6.6.6.6, ${client}`,
        "X-Ten-Client": crypto.randomUUID(),
        Authorization: `Bearer ${bearer}`,
      };
      return (await ten.get("localhost", "/api/instances", { headers })).status;
    };
    for (let count = 0; count < WRONG_MAX; count += 1) {
      expect(await ask("203.0.113.7", "wrong")).toBe(401);
    }
    expect(await ask("203.0.113.7", "wrong")).toBe(429);
    expect(await ask("203.0.113.8", "wrong")).toBe(401);
    expect(await ask("203.0.113.7", token)).toBe(200);
    expect(await ten.must("audit")).toMatch(/stranger +authenticate .* UNAUTHENTICATED/);
  }));

test("an invented instance takes no traffic of its service, and is forgotten when it falls asleep", () =>
  withTen(
    { configText: appConfig("auto_create = true\nmax_instances = 2\nidle_timeout = 1") },
    async (ten) => {
      await ten.must("spawn", "app:real");
      expect((await ten.get("invented.app.localhost", "/pid")).status).toBe(200);
      for (let count = 0; count < 20; count += 1) {
        const environment = (await ten.get("app.localhost", "/env")).json<Record<string, string>>();
        expect(environment["TENEMENT_INSTANCE"]).toBe("real");
      }
      await until("it is forgotten", async () => (await ten.instance("app:invented")) === null);
      expect((await ten.get("another.app.localhost", "/pid")).status).toBe(200);
      expect((await ten.instance("app:real"))?.id).toBe("app:real");
    },
  ));
