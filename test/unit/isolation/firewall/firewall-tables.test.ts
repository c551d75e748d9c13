// Needs root: uses the kernel's firewall.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NftFirewall } from "../../../../src/isolation/firewall/firewall.ts";
import {
  listOrphanedTables,
  ownerComment,
  tableName,
} from "../../../../src/isolation/firewall/firewall-tables.ts";
import { runNft } from "../../../../src/isolation/firewall/nft.ts";
import { renderTable } from "../../../../src/isolation/firewall/rules.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { isMissing, NFTABLES } from "../../../support/tool.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

interface Place extends Disposable {
  directory(name: string): string;
  /** A server's table, as it is after the server was killed. */
  leave(dataDir: string, comment?: string): string;
  /** Starts a server, which ends with the place. */
  start(dataDir: string): void;
}

function openPlace(): Place {
  const top = mkdtempSync(join(tmpdir(), "ten-tables-"));
  const left: string[] = [];
  const stack = new DisposableStack();
  return {
    directory(name) {
      mkdirSync(join(top, name), { recursive: true });
      return join(top, name);
    },
    leave(dataDir, comment = ownerComment(dataDir)) {
      const name = tableName(dataDir);
      const claims = [{ port: 30_001, owner: 70_001, allowMetadata: false }];
      expect(runNft(renderTable({ name, comment, claims }))).toBeNull();
      left.push(name);
      return name;
    },
    start: (dataDir) =>
      void stack.use(NftFirewall.open({ dataDir, clock: new FakeClock(), recorded: [] })),
    [Symbol.dispose]() {
      stack.dispose();
      for (const name of left.filter(isThere)) runNft(`delete table inet ${name}`);
      if (existsSync(top)) rmSync(top, { recursive: true });
    },
  };
}

function isThere(table: string): boolean {
  return Bun.spawnSync(["nft", "list", "tables"]).stdout.toString().includes(table);
}

describe.skipIf(!isRoot || isMissing(NFTABLES))("the table of a killed server", () => {
  test.each(["data", "with \"quotes\", 100 %, (ü) and 'more' ~"])(
    "is deleted by the next server once its directory %j is gone",
    (name) => {
      using place = openPlace();
      const gone = place.directory(name);
      const table = place.leave(gone);
      place.start(place.directory("one"));
      expect(isThere(table)).toBe(true);
      expect(listOrphanedTables()).not.toContain(table);
      rmSync(gone, { recursive: true });
      expect(listOrphanedTables()).toContain(table);
      place.start(place.directory("two"));
      expect(isThere(table)).toBe(false);
    },
  );

  test.each([
    { owner: "another mount namespace", comment: "mnt:[1] /nowhere" },
    { owner: "another directory than its name says", comment: "OWN /nowhere" },
    { owner: "an unknown directory", comment: "a table" },
    { owner: "a directory that can't be decoded", comment: "OWN /%" },
  ])("stays if its owner is $owner", ({ comment }) => {
    using place = openPlace();
    const gone = place.directory("gone");
    const [namespace = ""] = ownerComment(gone).split(" ");
    const table = place.leave(gone, comment.replace("OWN", namespace));
    rmSync(gone, { recursive: true });
    place.start(place.directory("data"));
    expect(isThere(table)).toBe(true);
  });

  test("of a directory with a long path is made, and stays", () => {
    using place = openPlace();
    const long = place.directory("ü".repeat(60));
    place.start(long);
    expect(isThere(tableName(long))).toBe(true);
  });
});
