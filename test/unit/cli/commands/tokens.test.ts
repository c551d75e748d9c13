import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openTenementDatabase } from "../../../../src/database/database.ts";
import { ControlWorld } from "../../control/fakes.ts";
import { FakeShell, runWith } from "../fakes.ts";

let world: ControlWorld;

beforeEach(async () => {
  world = await ControlWorld.open();
  world.administration.addRunning("notes:alice");
  world.administration.add("notes:bob");
});

afterEach(() => world[Symbol.asyncDispose]());

const ten = (...argv: readonly string[]) =>
  runWith(new FakeShell({ env: { TENEMENT_DATA_DIR: world.dataDir } }), ...argv);

const tokenIn = (out: string) => /^ {2}(\S{43})$/m.exec(out)?.[1] ?? "";

test("an administrator's token is printed on a line of its own and stored", async () => {
  const { out, exit } = await ten("token-gen", "--description", "laptop");
  expect(exit).toBe(0);
  const file = join(world.dataDir, "api_token");
  expect(readFileSync(file, "utf8")).toBe(`${tokenIn(out)}\n`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(world.store.tokens.verify(tokenIn(out))).toMatchObject({ description: "laptop" });
});

test("a new token replaces the stored one, also a file that others could read", async () => {
  writeFileSync(join(world.dataDir, "api_token"), "old", { mode: 0o644 });
  const { out } = await ten("token-gen");
  expect(readFileSync(join(world.dataDir, "api_token"), "utf8")).toBe(`${tokenIn(out)}\n`);
  expect(statSync(join(world.dataDir, "api_token")).mode & 0o777).toBe(0o600);
});

test("a tenant's token is printed, and not stored", async () => {
  const { out } = await ten("token-gen", "--tenant", "alice");
  expect(world.store.tokens.verify(tokenIn(out))?.tenant).toBe("alice");
  expect(existsSync(join(world.dataDir, "api_token"))).toBe(false);
});

test("tokens are created, listed and revoked without a server, and recorded", async () => {
  await world.close();
  const token = tokenIn((await ten("token-gen")).out);
  expect((await ten("token", "ls")).out).toMatch(/^ +1 +administrator +\S+ \S+Z/m);
  expect((await ten("token", "revoke", "1")).exit).toBe(0);
  expect((await ten("token", "revoke", "1")).err).toContain('Cannot revoke token "1"');
  using store = openTenementDatabase(world.dataDir);
  expect(store.tokens.verify(token)).toBeNull();
  expect(store.audit.list(10).map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    "revoke-token NOT_FOUND",
    "revoke-token done",
    "create-token done",
  ]);
});

test("without the server of --server the database is not used", async () => {
  await world.close();
  const server = `unix://${world.dataDir}/tenement.sock`;
  expect((await ten("token-gen", "--server", server)).exit).toBe(4);
  expect(world.store.tokens.list()).toEqual([]);
});
