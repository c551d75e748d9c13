// A process in its own network namespace: listens as the metadata services of all clouds, prints who reaches them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NftFirewall } from "../../../../src/isolation/firewall/firewall.ts";
import { METADATA_ADDRESSES } from "../../../../src/isolation/firewall/rules.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { reaches } from "./reaches.ts";

/** The addresses that each user reaches. */
export interface Reached {
  readonly kept: readonly string[];
  readonly allowed: readonly string[];
  /** A user who is no tenant. */
  readonly others: readonly string[];
  /** The blocked tenant, at the port that resolves names. */
  readonly names: readonly string[];
}

const KEPT = 61_303;
const ALLOWED = 61_304;
const NOBODY = 65_534;
const HTTP = 80;
const NAMES = 53;

function ip(...args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...args]);
  if (exitCode !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr.toString()}`);
}

if (import.meta.main) {
  const addresses = [...METADATA_ADDRESSES.ip, ...METADATA_ADDRESSES.ip6];
  ip("link", "set", "lo", "up");
  for (const address of METADATA_ADDRESSES.ip) ip("addr", "add", `${address}/32`, "dev", "lo");
  for (const address of METADATA_ADDRESSES.ip6) {
    // No other computer is here, so the check for duplicate addresses would only delay.
    ip("addr", "add", `${address}/128`, "dev", "lo", "nodad");
  }
  for (const hostname of addresses) {
    for (const port of [HTTP, NAMES])
      Bun.listen({ hostname, port, socket: { data: () => undefined } });
  }
  const dataDir = mkdtempSync(join(tmpdir(), "ten-metadata-"));
  const firewall = NftFirewall.open({ dataDir, clock: new FakeClock(), recorded: [] });
  firewall.claim({ port: 30_001, owner: KEPT, allowMetadata: false });
  firewall.claim({ port: 30_002, owner: ALLOWED, allowMetadata: true });
  const reachedBy = async (uid: number, port: number) => {
    const found = await Promise.all(addresses.map((address) => reaches(uid, address, port)));
    return addresses.filter((_, index) => found[index]);
  };
  const reached: Reached = {
    kept: await reachedBy(KEPT, HTTP),
    allowed: await reachedBy(ALLOWED, HTTP),
    others: await reachedBy(NOBODY, HTTP),
    names: await reachedBy(KEPT, NAMES),
  };
  console.log(JSON.stringify(reached));
  firewall[Symbol.dispose]();
  rmSync(dataDir, { recursive: true });
  process.exit(0);
}
