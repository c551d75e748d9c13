import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Client } from "../../../../src/control/client/client.ts";

const SOURCE = join(import.meta.dir, "../../../../src");

/** Packages that a file needs before anything of it runs: types and lazy imports are not among them. */
function packagesOf(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const code = readFileSync(file, "utf8");
  for (const { path, kind } of new Bun.Transpiler({ loader: "ts" }).scanImports(code)) {
    if (kind !== "import-statement") continue;
    if (path.startsWith(".")) packagesOf(join(dirname(file), path), seen);
    else seen.add(path);
  }
  return seen;
}

test("a command that only asks the server loads no schemas", () => {
  const ps = packagesOf(join(SOURCE, "cli/commands/ps.ts"));
  expect(ps).toContain("citty");
  expect(ps).not.toContain("zod");
  expect(packagesOf(join(SOURCE, "control/wire/operations.ts"))).toContain("zod");
});

test("parameters are encoded into the path, a query is left out when it is empty", async () => {
  const asked: string[] = [];
  await using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch({ method, url }) {
      asked.push(`${method} ${url.slice(url.indexOf("/", 8))}`);
      return new Response(null, { status: 204 });
    },
  });
  const origin = `http://127.0.0.1:${server.port}`;
  const client = new Client({ kind: "http", origin, token: null });
  const params = { host: "a/b?.example" };
  await client.call("removeDomain", { params, query: { target: "notes:alice" } });
  await client.call("removeDomain", { params, query: { target: undefined } });
  await client.call("revokeToken", { params: { token: "3" } });
  expect(asked).toEqual([
    "DELETE /api/domains/a%2Fb%3F.example?target=notes%3Aalice",
    "DELETE /api/domains/a%2Fb%3F.example",
    "DELETE /api/tokens/3",
  ]);
});
