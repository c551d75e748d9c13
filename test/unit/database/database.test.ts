import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFailure, unavailable } from "../../../src/core/failure.ts";
import { checkDatabaseVersion, openTenementDatabase } from "../../../src/database/database.ts";

const root = mkdtempSync(join(tmpdir(), "ten-database-"));
afterAll(() => rmSync(root, { recursive: true }));

let directories = 0;
const newDirectory = () => join(root, String(directories++));
const ref = { service: "notes", id: "alice" };
const row = { ref, wanted: "asleep", weight: 100, env: { KEY: "1" }, provisional: true } as const;

describe("openTenementDatabase()", () => {
  test("keeps instances with all their columns across a reopening", () => {
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
      using database = openTenementDatabase(directory);
      database.instances.insert(row);
      database.instances.setChildren(ref, { child, second: null });
      database.instances.setWanted(ref, { wanted: "failed", failure });
      database.instances.setWeight(ref, 5);
      database.instances.keep(ref);
      database.instances.setEnv(ref, { KEY: "2" });
    }
    using database = openTenementDatabase(directory);
    const changed = { wanted: "failed", failure, weight: 5, env: { KEY: "2" }, provisional: false };
    const kept = { ref, ...changed, child };
    const second = null;
    expect(database.instances.list() as unknown).toEqual([{ ...kept, second }]);
    database.instances.delete(ref);
    expect(database.instances.list()).toEqual([]);
  });

  test("reads a failure of an earlier version, without code and hint", () => {
    const directory = newDirectory();
    using database = openTenementDatabase(directory);
    const reasons = { failed: "it broke", stopped: "storage is full" };
    for (const [id, reason] of Object.entries(reasons)) {
      database.instances.insert({ ...row, ref: { ...ref, id } });
      const file = new Database(`${directory}/tenement.db`);
      file.run("UPDATE instances SET wanted = ?, reason = ? WHERE id = ?", [id, reason, id]);
      file.close();
    }
    expect(database.instances.list().map(({ failure }) => failure)).toEqual([
      startFailure("it broke"),
      unavailable("storage is full"),
    ]);
  });

  test("refuses a second instance with the same ref", () => {
    using database = openTenementDatabase(newDirectory());
    database.instances.insert(row);
    expect(() => database.instances.insert(row)).toThrow("UNIQUE");
  });

  test("gives permissions to the owner alone", () => {
    const directory = newDirectory();
    using _ = openTenementDatabase(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(`${directory}/tenement.db`).mode & 0o777).toBe(0o600);
  });

  test("refuses a database of a newer version", () => {
    const directory = newDirectory();
    openTenementDatabase(directory)[Symbol.dispose]();
    const database = new Database(`${directory}/tenement.db`);
    database.run("PRAGMA user_version = 999");
    database.close();
    expect(() => openTenementDatabase(directory)).toThrow("newer version");
    expect(() => checkDatabaseVersion(directory)).toThrow("newer version");
  });

  test("refuses a file that is no database, and names its path", () => {
    const directory = newDirectory();
    openTenementDatabase(directory)[Symbol.dispose]();
    for (const suffix of ["", "-wal", "-shm"])
      rmSync(`${directory}/tenement.db${suffix}`, { force: true });
    writeFileSync(`${directory}/tenement.db`, "not a database, by any measure at all");
    chmodSync(`${directory}/tenement.db`, 0o600);
    expect(() => openTenementDatabase(directory)).toThrow(`Cannot open "${directory}/tenement.db"`);
  });
});

describe("tokens", () => {
  test("are verified by their text alone until they are revoked", () => {
    using database = openTenementDatabase(newDirectory());
    const { token, row: made } = database.tokens.create({ tenant: null, description: "ci" }, 5);
    const other = database.tokens.create({ tenant: "alice", description: "" }, 6);
    expect(Buffer.from(token, "base64url")).toHaveLength(32);
    expect(database.tokens.verify(token)).toEqual(made);
    expect(database.tokens.verify(other.token)?.tenant).toBe("alice");
    expect(database.tokens.verify(`${token}x`)).toBeNull();
    expect(database.tokens.list()).toHaveLength(2);
    expect(database.tokens.revoke(made.id)).toBe(true);
    expect(database.tokens.revoke(made.id)).toBe(false);
    expect(database.tokens.verify(token)).toBeNull();
  });

  test("are not stored as text", () => {
    const directory = newDirectory();
    using database = openTenementDatabase(directory);
    const { token } = database.tokens.create({ tenant: null, description: "" }, 5);
    const raw = new Database(`${directory}/tenement.db`, { readonly: true });
    expect(JSON.stringify(raw.query("SELECT * FROM tokens").all())).not.toContain(token);
    raw.close();
  });
});

test("lists the audit trail newest first", () => {
  using database = openTenementDatabase(newDirectory());
  const entry = { at: 1, actor: "socket", action: "stop", subject: "notes:alice", outcome: "done" };
  database.audit.record(entry);
  database.audit.record({ ...entry, at: 2 });
  expect(database.audit.list(10).map(({ at }) => at)).toEqual([2, 1]);
  expect(database.audit.list(1)).toHaveLength(1);
});

test("a failure to write the audit trail names the change that it was about", () => {
  const database = openTenementDatabase(newDirectory());
  database[Symbol.dispose]();
  const entry = { at: 1, actor: "socket", action: "stop", subject: "notes:alice", outcome: "done" };
  expect(() => database.audit.record(entry)).toThrow('Cannot record "stop" of "notes:alice"');
});
