// Needs root: uses the kernel's firewall, and connects by processes of each user.
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NftFirewall } from "../../../../src/isolation/firewall/firewall.ts";
import { tableName } from "../../../../src/isolation/firewall/firewall-tables.ts";
import { runNft } from "../../../../src/isolation/firewall/nft.ts";
import { type Claim, METADATA_ADDRESSES } from "../../../../src/isolation/firewall/rules.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { IPROUTE, isMissing, NFTABLES } from "../../../support/tool.ts";
import type { Reached } from "./metadata-service.ts";
import { reaches } from "./reaches.ts";

const ALICE = 61_301;
const BOB = 61_302;
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

/** A server for all users, at a port that the system chooses. */
function openService(hostname = "127.0.0.1") {
  const server = Bun.serve({ port: 0, hostname, fetch: () => new Response("hi") });
  return { port: server.port ?? 0, [Symbol.asyncDispose]: () => server.stop(true) };
}

function claim({ port }: { port: number }, owner: number | null): Claim {
  return { port, owner, allowMetadata: false };
}

interface Place extends Disposable {
  readonly dataDir: string;
  readonly clock: FakeClock;
  open(recorded?: readonly Claim[]): NftFirewall;
}

function openPlace(): Place {
  const dataDir = mkdtempSync(join(tmpdir(), "ten-firewall-"));
  const clock = new FakeClock();
  const opened: NftFirewall[] = [];
  return {
    dataDir,
    clock,
    open(recorded = []) {
      const firewall = NftFirewall.open({ dataDir, clock, recorded });
      opened.push(firewall);
      return firewall;
    },
    [Symbol.dispose]() {
      for (const firewall of opened) firewall[Symbol.dispose]();
      rmSync(dataDir, { recursive: true });
    },
  };
}

function tables(): string {
  return Bun.spawnSync(["nft", "list", "tables"]).stdout.toString();
}

describe.skipIf(!isRoot || isMissing(NFTABLES) || isMissing(IPROUTE))("the firewall", () => {
  test("lets an instance's user reach its own port, and no other instance's", async () => {
    using place = openPlace();
    await using server = openService();
    const firewall = place.open();
    expect(firewall.gap).toBeNull();
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(true);
    firewall.claim(claim(server, ALICE));
    expect(await reaches(ALICE, "127.0.0.1", server.port)).toBe(true);
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(false);
    expect(await reaches(0, "127.0.0.1", server.port)).toBe(true);
    firewall.release(server.port);
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(true);
  });

  test("covers every loopback address, of IPv6 too", async () => {
    using place = openPlace();
    await using server = openService("0.0.0.0");
    await using server6 = openService("::1");
    const firewall = place.open();
    firewall.claim(claim(server, ALICE));
    firewall.claim(claim(server6, ALICE));
    expect(await reaches(BOB, "127.1.2.3", server.port)).toBe(false);
    expect(await reaches(ALICE, "127.1.2.3", server.port)).toBe(true);
    expect(await reaches(BOB, "::1", server6.port)).toBe(false);
    expect(await reaches(ALICE, "::1", server6.port)).toBe(true);
  });

  test("keeps walled tenants from a tenant without a user of its own", async () => {
    using place = openPlace();
    await using server = openService();
    place.open().claim(claim(server, null));
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(false);
  });

  test("of one server leaves the tenants of another on the same host alone", async () => {
    using one = openPlace();
    using other = openPlace();
    await using server = openService();
    const firewall = one.open();
    other.open();
    firewall.claim(claim(server, ALICE));
    expect(await reaches(ALICE, "127.0.0.1", server.port)).toBe(true);
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(false);
  });

  test("stays for an instance's second process when the first has ended", async () => {
    using place = openPlace();
    await using first = openService();
    await using second = openService();
    const firewall = place.open();
    firewall.claim(claim(first, ALICE));
    firewall.claim(claim(second, ALICE));
    firewall.release(first.port);
    expect(await reaches(ALICE, "127.0.0.1", second.port)).toBe(true);
    expect(await reaches(BOB, "127.0.0.1", second.port)).toBe(false);
    const rules = Bun.spawnSync(["nft", "list", "table", "inet", tableName(place.dataDir)]);
    expect(rules.stdout.toString()).toMatch(/no_metadata \{\s+type uid\s+elements = \{ 61301 \}/);
  });

  test("protects the launches of an earlier server, until those that were not adopted are dropped", async () => {
    using place = openPlace();
    await using kept = openService();
    await using lost = openService();
    const claims = [claim(kept, ALICE), claim(lost, ALICE)];
    for (const each of claims) place.open().claim(each);
    const next = place.open(claims);
    expect(await reaches(BOB, "127.0.0.1", kept.port)).toBe(false);
    expect(await reaches(BOB, "127.0.0.1", lost.port)).toBe(false);
    next.claim(claim(kept, ALICE));
    next.dropUnadopted();
    expect(await reaches(BOB, "127.0.0.1", kept.port)).toBe(false);
    expect(await reaches(BOB, "127.0.0.1", lost.port)).toBe(true);
  });

  test("is left to the next server", async () => {
    using place = openPlace();
    await using old = openService();
    await using young = openService();
    const former = place.open();
    former.claim(claim(old, ALICE));
    const next = place.open([claim(old, ALICE)]);
    former.abandon();
    next.claim(claim(old, ALICE));
    next.claim(claim(young, ALICE));
    former.release(old.port);
    expect(await reaches(BOB, "127.0.0.1", old.port)).toBe(false);
    expect(await reaches(BOB, "127.0.0.1", young.port)).toBe(false);
  });

  test("is made anew after another program has flushed all rules", async () => {
    using place = openPlace();
    await using server = openService();
    place.open().claim(claim(server, ALICE));
    expect(runNft(`delete table inet ${tableName(place.dataDir)}`)).toBeNull();
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(true);
    place.clock.move(5000);
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(false);
  });

  test("is made anew with more claims than a socket has room for answers", async () => {
    using place = openPlace();
    await using server = openService();
    const firewall = place.open();
    firewall.claim(claim(server, ALICE));
    for (let index = 0; index < 500; index++) {
      firewall.claim({ port: 20_000 + index, owner: BOB + 1 + index, allowMetadata: false });
    }
    expect(runNft(`delete table inet ${tableName(place.dataDir)}`)).toBeNull();
    place.clock.move(5000);
    expect(await reaches(BOB, "127.0.0.1", server.port)).toBe(false);
  });

  test("keeps tenants from the cloud's credentials, unless they may have them", async () => {
    const { stdout, stderr, exitCode } = Bun.spawnSync([
      ...["unshare", "--net", process.execPath],
      join(import.meta.dir, "metadata-service.ts"),
    ]);
    expect(exitCode, stderr.toString()).toBe(0);
    const { kept, allowed, others, names } = JSON.parse(stdout.toString()) as Reached;
    expect(kept).toEqual([]);
    expect(allowed).toEqual(others);
    expect(others).toEqual([...METADATA_ADDRESSES.ip, ...METADATA_ADDRESSES.ip6]);
    expect(names).toEqual(others);
  });

  test("removes its own table only", () => {
    using place = openPlace();
    const other = `ten_test_${process.pid}`;
    expect(runNft(`table inet ${other} { }`)).toBeNull();
    const firewall = place.open();
    expect(tables()).toContain(tableName(place.dataDir));
    firewall[Symbol.dispose]();
    expect(tables()).not.toContain(tableName(place.dataDir));
    expect(tables()).toContain(other);
    runNft(`delete table inet ${other}`);
  });
});
