import { describe, expect, test } from "bun:test";
import { withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const CLAIMS = { "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https" };

describe.skipIf(!isRoot || isMissing(GCC))(
  "a tenant that calls another one by the public port",
  () => {
    const configText = appConfig("", 'trusted_proxies = ["127.0.0.1", "::1"]');

    test("is not believed as a trusted proxy of this host, and the proxy is", () =>
      withTen({ configText }, async (ten) => {
        await ten.must("spawn", "app:a", "app:b");
        const url = `http://127.0.0.1:${ten.port}/headers`;
        const headers = { Host: "b.app.localhost", ...CLAIMS };
        const asTenant = await ten.get("a.app.localhost", "/forward", {
          method: "POST",
          body: JSON.stringify({ url, headers }),
        });
        expect(asTenant.json<object>()).toMatchObject({
          "x-forwarded-for": "127.0.0.1",
          "x-forwarded-proto": "http",
        });
        const asProxy = await ten.get("b.app.localhost", "/headers", { headers: CLAIMS });
        expect(asProxy.json<object>()).toMatchObject({
          "x-forwarded-for": "203.0.113.9, 127.0.0.1",
          "x-forwarded-proto": "https",
        });
      }));
  },
);
