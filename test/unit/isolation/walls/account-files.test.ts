import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccountFiles } from "../../../../src/isolation/walls/account-files.ts";

const dataDir = mkdtempSync(join(tmpdir(), "ten-accounts-"));
afterAll(() => rmSync(dataDir, { recursive: true }));

const REF = { service: "notes", id: "alice" };
const account = { user: 65_536, group: 65_536, home: "/data/notes/alice" };

describe("the account's files of an instance", () => {
  const files = new AccountFiles(dataDir);
  const inodes = () => files.mounts(REF, account).map(({ outside }) => statSync(outside).ino);

  test("hold the host's lines and one more, readable for every user", () => {
    const mounts = files.mounts(REF, account);
    expect(mounts.map(({ access, inside }) => [access, inside])).toEqual([
      ["read", "/etc/passwd"],
      ["read", "/etc/group"],
    ]);
    for (const { inside, outside } of mounts) {
      const [added, ...others] = readFileSync(outside, "utf8").split("\n");
      expect(added).toStartWith("tenant:x:65536:");
      expect(others.join("\n")).toBe(readFileSync(inside, "utf8"));
      expect(statSync(outside).mode & 0o777).toBe(0o644);
    }
  });

  test("are written once for an account", () => {
    expect(inodes()).toEqual(inodes());
  });

  test("are replaced when the account has changed, so that a running tenant keeps its own", () => {
    const before = inodes();
    const moved = files.mounts(REF, { ...account, user: 70_000 });
    expect(moved.map(({ outside }) => statSync(outside).ino)).not.toEqual(before);
    expect(readFileSync(moved[0]?.outside ?? "", "utf8")).toStartWith("tenant:x:70000:65536:");
  });

  test("go with the instance, and are made again for a new one", () => {
    files.forget(REF);
    expect(existsSync(join(dataDir, ".accounts/notes/alice"))).toBeFalse();
    for (const { outside } of files.mounts(REF, account)) expect(existsSync(outside)).toBeTrue();
  });
});
