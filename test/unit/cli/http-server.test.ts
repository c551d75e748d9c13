import { afterEach, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLIENT_HEADER } from "../../../src/core/access.ts";
import { useApi } from "./api.ts";
import { runWith } from "./fakes.ts";

const api = useApi();
const { shellOf, ten } = api;

let front: Bun.Server<undefined>;
let url: string;

/** Stands in for the proxy. */
beforeEach(() => {
  front = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.set(CLIENT_HEADER, "203.0.113.7");
      const unix = api.world.server.innerSocket;
      return fetch(`http://localhost${pathname}${search}`, { headers, unix });
    },
  });
  url = `http://127.0.0.1:${front.port}`;
});

afterEach(() => front.stop(true));

test("the token comes from the flag, then the environment, then the data directory", async () => {
  const [flag, variable, file] = [
    api.world.token(null),
    api.world.token(null),
    api.world.token(null),
  ];
  writeFileSync(join(api.world.dataDir, "api_token"), `${file}\n`);
  const exit = async (env: Record<string, string>, ...argv: string[]) =>
    (await runWith(shellOf({ env: { TENEMENT_SERVER: url, ...env } }), "ps", ...argv)).exit;
  expect(await exit({})).toBe(0);
  expect(await exit({ TENEMENT_TOKEN: "wrong" })).toBe(5);
  expect(await exit({ TENEMENT_TOKEN: variable })).toBe(0);
  expect(await exit({ TENEMENT_TOKEN: variable }, "--token", "wrong")).toBe(5);
  expect(await exit({ TENEMENT_TOKEN: "wrong" }, `--token=${flag}`)).toBe(0);
});

test("a data directory named by a flag goes before a server named by the environment", async () => {
  const env = { TENEMENT_SERVER: "http://127.0.0.1:1" };
  expect((await runWith(shellOf({ env }), "ps")).exit).toBe(4);
  const { dataDir } = api.world;
  expect((await runWith(shellOf({ env }), "--data-dir", dataDir, "ps")).exit).toBe(0);
  await api.world.close();
  expect((await runWith(shellOf({ env }), "--data-dir", dataDir, "token-gen")).exit).toBe(0);
});

test("a command without a token, or beyond the rights of a tenant's, ends with 5", async () => {
  const none = await ten("--server", url, "ps");
  expect(none.exit).toBe(5);
  expect(none.err).toContain("hint: ");
  const tenant = api.world.token("alice");
  expect((await ten("--server", url, "--token", tenant, "ps", "-a")).out).not.toContain("bob");
  expect((await ten("--server", url, "--token", tenant, "audit")).exit).toBe(5);
});

test("another program, or one that redirects, is not mistaken for the server", async () => {
  let reached = 0;
  const other = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url: asked }) => {
      reached += 1;
      if (!asked.includes("/api/")) return new Response("{}");
      return reached === 1
        ? Response.redirect("/elsewhere")
        : new Response("<html>", { status: 404 });
    },
  });
  for (const count of [1, 2]) {
    const outcome = await ten("--server", `http://127.0.0.1:${other.port}`, "ps");
    expect(outcome.exit).toBe(4);
    expect(outcome.err).toContain("the program that answers there is not ten");
    expect(reached).toBe(count);
  }
  await other.stop(true);
});
