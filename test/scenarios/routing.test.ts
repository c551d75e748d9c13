import { describe, expect, test } from "bun:test";
import { type Ten, type TenOptions, withTen } from "../support/ten.ts";
import { APP_COMMAND } from "../support/tenants/command.ts";

const DOMAIN = "example.test";
const SERVICES = ["notes", "api"]
  .map((name) => `[service.${name}]\ncommand = "${APP_COMMAND}"\n`)
  .join("");
const ROUTING = `
[routing]
default = "notes"
[routing.subdomain]
www = "notes:alice"
[routing.path]
"/api" = "api"
"/api/one" = "notes:alice"
`;
const args = ["--domain", DOMAIN, "--bind", "127.0.0.1"];
const options: TenOptions = { configText: `${SERVICES}${ROUTING}`, args };

async function openTenants(ten: Ten): Promise<void> {
  await ten.must("spawn", "notes:alice", "api:only");
}

describe("routes of the configuration", () => {
  test("map the root domain, subdomains and paths to their targets", () =>
    withTen(options, async (ten) => {
      await openTenants(ten);
      const answers = [
        [DOMAIN, "/", "hello from alice"],
        [DOMAIN, "/apix", "hello from alice"],
        [DOMAIN, "/api", "hello from only"],
        [DOMAIN, "/api/instances", "hello from only"],
        [DOMAIN, "/api/one/x", "hello from alice"],
        [`www.${DOMAIN}`, "/", "hello from alice"],
        [`api.${DOMAIN}`, "/", "hello from only"],
        [`alice.notes.${DOMAIN.toUpperCase()}.`, "/", "hello from alice"],
      ] as const;
      for (const [host, path, text] of answers) {
        expect([host, path, (await ten.get(host, path)).text]).toEqual([host, path, text]);
      }
      for (const host of [`nobody.${DOMAIN}`, `bob.notes.${DOMAIN}`, `x.www.${DOMAIN}`]) {
        expect((await ten.get(host, "/")).status).toBe(404);
      }
    }));

  test("hide the API on the root domain, but not on an address, localhost or the Unix socket", () =>
    withTen(options, async (ten) => {
      await openTenants(ten);
      expect((await ten.get(DOMAIN, "/api/instances")).text).toBe("hello from only");
      const token = (await ten.must("token-gen", "--quiet")).trim();
      const headers = { Authorization: `Bearer ${token}` };
      const hosts = ["127.0.0.1", "localhost", `localhost:${ten.port}`, "[::1]", "elsewhere.test"];
      for (const host of hosts) {
        expect((await ten.get(host, "/api/instances")).status).toBe(401);
        const { status, json } = await ten.get(host, "/api/instances", { headers });
        expect(status).toBe(200);
        expect(json<object[]>()).toHaveLength(2);
      }
      expect(await ten.must("ps")).toContain("notes:alice");
    }));

  test("leave the root domain to the API by default", () =>
    withTen({ configText: SERVICES, args }, async (ten) => {
      expect((await ten.get(DOMAIN, "/health")).json<object>()).toEqual({ status: "ok" });
    }));
});

describe("a custom hostname", () => {
  test("reaches its instance, which receives the Host header of the client", () =>
    withTen(options, async (ten) => {
      await openTenants(ten);
      expect((await ten.get("bücher.test", "/").catch(() => null))?.text).not.toContain("hello");
      expect(await ten.must("domain", "add", "notes:alice", "Bücher.test")).toBe(
        "xn--bcher-kva.test leads to notes:alice\n",
      );
      const host = `XN--bcher-kva.test:${ten.port}`;
      const { text } = await ten.get(host, "/headers", {
        headers: { "X-Forwarded-Host": "forged.test" },
      });
      expect(JSON.parse(text)).toMatchObject({
        host,
        "x-forwarded-host": host,
        "x-forwarded-proto": "http",
        "x-forwarded-for": "127.0.0.1",
      });
      expect((await ten.get("xn--bcher-kva.test", "/api/instances")).text).toBe("hello from alice");
    }));

  test("wakes its instance, and one of a service is balanced over its instances", () =>
    withTen(options, async (ten) => {
      await ten.must("spawn", "--no-start", "notes:alice");
      await ten.must("domain", "add", "notes:alice", "alice.test");
      await ten.must("domain", "add", "notes", "notes.test");
      expect((await ten.get("alice.test", "/")).text).toBe("hello from alice");
      expect((await ten.get("notes.test", "/")).text).toBe("hello from alice");
    }));

  test("survives a restart of the server, and is removed by ten domain rm or with its instance", () =>
    withTen(options, async (ten) => {
      await openTenants(ten);
      await ten.must("domain", "add", "notes:alice", "a.test");
      await ten.must("domain", "add", "notes:alice", "b.test");
      await ten.restart();
      expect((await ten.get("a.test", "/")).text).toBe("hello from alice");
      await ten.must("domain", "rm", "notes:alice", "A.test");
      expect((await ten.get("a.test", "/")).text).not.toContain("hello");
      expect(await ten.must("domain", "ls")).toBe("HOST    LEADS TO\nb.test  notes:alice\n");
      await ten.must("rm", "notes:alice");
      expect(JSON.parse(await ten.must("domain", "ls", "--json"))).toEqual([]);
    }));

  test("that is the name of an instance is refused", () =>
    withTen(options, async (ten) => {
      await openTenants(ten);
      for (const host of [`bob.notes.${DOMAIN}`, `www.${DOMAIN}`, DOMAIN, "localhost"]) {
        const target = host === `www.${DOMAIN}` ? "api:only" : "notes:alice";
        const { exitCode, stderr } = await ten.ten("domain", "add", target, host);
        expect([host, exitCode]).toEqual([host, 1]);
        expect(stderr).toContain(`error: Cannot add "${host}": it `);
      }
      expect((await ten.ten("domain", "add", "notes:alice", "10.0.0.1")).exitCode).toBe(2);
      expect((await ten.ten("domain", "add", "notes:carol", "carol.test")).exitCode).toBe(3);
      expect((await ten.ten("domain", "rm", "notes:alice", "nobody.test")).exitCode).toBe(1);
    }));
});
