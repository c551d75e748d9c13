import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openTenementDatabase } from "../../../../src/database/database.ts";
import { useApi } from "../api.ts";

const api = useApi();
const { ten } = api;

const tokenIn = (out: string) => /^ {2}(\S{43})$/m.exec(out)?.[1] ?? "";

test("an administrator's token is printed on a line of its own and stored", async () => {
  const { out, exit } = await ten("token-gen", "--description", "laptop");
  expect(exit).toBe(0);
  const file = join(api.world.dataDir, "api_token");
  expect(readFileSync(file, "utf8")).toBe(`${tokenIn(out)}\n`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(api.world.store.tokens.verify(tokenIn(out))).toMatchObject({ description: "laptop" });
});

test("a new token replaces the stored one, also a file that others could read", async () => {
  writeFileSync(join(api.world.dataDir, "api_token"), "old", { mode: 0o644 });
  const { out } = await ten("token-gen");
  expect(readFileSync(join(api.world.dataDir, "api_token"), "utf8")).toBe(`${tokenIn(out)}\n`);
  expect(statSync(join(api.world.dataDir, "api_token")).mode & 0o777).toBe(0o600);
});

test("a tenant's token is printed, and not stored", async () => {
  const { out } = await ten("token-gen", "--tenant", "alice");
  expect(api.world.store.tokens.verify(tokenIn(out))?.tenant).toBe("alice");
  expect(existsSync(join(api.world.dataDir, "api_token"))).toBe(false);
});

test("tokens are created, listed and revoked without a server, and recorded", async () => {
  await api.world.close();
  const token = tokenIn((await ten("token-gen")).out);
  expect((await ten("token", "ls")).out).toMatch(/^ +1 +administrator +\S+ \S+Z/m);
  expect((await ten("token", "revoke", "1")).exit).toBe(0);
  expect((await ten("token", "revoke", "1")).err).toContain('Cannot revoke token "1"');
  using store = openTenementDatabase(api.world.dataDir);
  expect(store.tokens.verify(token)).toBeNull();
  expect(store.audit.list(10).map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    "revoke-token NOT_FOUND",
    "revoke-token done",
    "create-token done",
  ]);
});

test("without the server of --server the database is not used", async () => {
  await api.world.close();
  const server = `unix://${api.world.dataDir}/tenement.sock`;
  expect((await ten("token-gen", "--server", server)).exit).toBe(4);
  expect(api.world.store.tokens.list()).toEqual([]);
});
