import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFailure, unavailable } from "../../../src/core/failure.ts";
import { checkStore, openStore } from "../../../src/database/database.ts";

const root = mkdtempSync(join(tmpdir(), "ten-store-"));
afterAll(() => rmSync(root, { recursive: true }));

let directories = 0;
const newDirectory = () => join(root, String(directories++));
const ref = { service: "notes", id: "alice" };
const row = { ref, wanted: "asleep", weight: 100, env: { KEY: "1" } } as const;

describe("the store", () => {
  test("keeps instances with all that belongs to them across a reopening", () => {
    const directory = newDirectory();
    const failure = { code: "LEVEL_MISSING", reason: "it broke", hint: "Mend it" } as const;
    const child = {
      child: { pid: 7, startTime: 70 },
      slot: 1,
      port: 30_000,
      socketPath: "/s",
      endpoint: { kind: "unix", path: "/s" },
      startedAt: 5,
    } as const;
    {
      using store = openStore(directory);
      store.instances.insert(row);
      store.instances.setChildren(ref, { child, other: null });
      store.instances.setWanted(ref, { wanted: "failed", failure });
      store.instances.setWeight(ref, 5);
      store.instances.setEnv(ref, { KEY: "2" });
    }
    using store = openStore(directory);
    const kept = { ref, wanted: "failed", failure, weight: 5, env: { KEY: "2" }, child };
    const other = null;
    expect(store.instances.list() as unknown).toEqual([{ ...kept, other }]);
    store.instances.delete(ref);
    expect(store.instances.list()).toEqual([]);
  });

  test("reads a failure that an earlier version noted without its code and its hint", () => {
    const directory = newDirectory();
    using store = openStore(directory);
    const reasons = { failed: "it broke", stopped: "storage is full" };
    for (const [id, reason] of Object.entries(reasons)) {
      store.instances.insert({ ...row, ref: { ...ref, id } });
      const database = new Database(`${directory}/tenement.db`);
      database.run("UPDATE instances SET wanted = ?, reason = ? WHERE id = ?", [id, reason, id]);
      database.close();
    }
    expect(store.instances.list().map(({ failure }) => failure)).toEqual([
      startFailure("it broke"),
      unavailable("storage is full"),
    ]);
  });

  test("registers an instance once", () => {
    using store = openStore(newDirectory());
    store.instances.insert(row);
    expect(() => store.instances.insert(row)).toThrow("UNIQUE");
  });

  test("is its owner's alone", () => {
    const directory = newDirectory();
    using _ = openStore(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(`${directory}/tenement.db`).mode & 0o777).toBe(0o600);
  });

  test("that a newer version wrote is refused", () => {
    const directory = newDirectory();
    openStore(directory)[Symbol.dispose]();
    const database = new Database(`${directory}/tenement.db`);
    database.run("PRAGMA user_version = 999");
    database.close();
    expect(() => openStore(directory)).toThrow("newer version");
    expect(() => checkStore(directory)).toThrow("newer version");
  });

  test("that is no database is refused by its path", () => {
    const directory = newDirectory();
    openStore(directory)[Symbol.dispose]();
    for (const suffix of ["", "-wal", "-shm"])
      rmSync(`${directory}/tenement.db${suffix}`, { force: true });
    writeFileSync(`${directory}/tenement.db`, "not a database, by any measure at all");
    chmodSync(`${directory}/tenement.db`, 0o600);
    expect(() => openStore(directory)).toThrow(`Cannot open "${directory}/tenement.db"`);
  });
});

describe("tokens", () => {
  test("are known again by their text alone, until they are revoked", () => {
    using store = openStore(newDirectory());
    const { token, row: made } = store.tokens.create({ tenant: null, description: "ci" }, 5);
    const other = store.tokens.create({ tenant: "alice", description: "" }, 6);
    expect(Buffer.from(token, "base64url")).toHaveLength(32);
    expect(store.tokens.verify(token)).toEqual(made);
    expect(store.tokens.verify(other.token)?.tenant).toBe("alice");
    expect(store.tokens.verify(`${token}x`)).toBeNull();
    expect(store.tokens.list()).toHaveLength(2);
    expect(store.tokens.revoke(made.id)).toBe(true);
    expect(store.tokens.revoke(made.id)).toBe(false);
    expect(store.tokens.verify(token)).toBeNull();
  });

  test("are not in the database as text", () => {
    const directory = newDirectory();
    using store = openStore(directory);
    const { token } = store.tokens.create({ tenant: null, description: "" }, 5);
    const database = new Database(`${directory}/tenement.db`, { readonly: true });
    expect(JSON.stringify(database.query("SELECT * FROM tokens").all())).not.toContain(token);
    database.close();
  });
});

test("the audit trail is listed newest first", () => {
  using store = openStore(newDirectory());
  const entry = { at: 1, actor: "socket", action: "stop", subject: "notes:alice", outcome: "done" };
  store.audit.record(entry);
  store.audit.record({ ...entry, at: 2 });
  expect(store.audit.list(10).map(({ at }) => at)).toEqual([2, 1]);
  expect(store.audit.list(1)).toHaveLength(1);
});

test("a failure to write the audit trail names the change that it was about", () => {
  const store = openStore(newDirectory());
  store[Symbol.dispose]();
  const entry = { at: 1, actor: "socket", action: "stop", subject: "notes:alice", outcome: "done" };
  expect(() => store.audit.record(entry)).toThrow('Cannot record "stop" of "notes:alice"');
});
