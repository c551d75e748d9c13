import { expect, test } from "bun:test";
import { join } from "node:path";
import { isMissing, NFTABLES } from "../../../support/tool.ts";

test.skipIf(isMissing(NFTABLES))("nft that can't be run is a gap, and lists nothing", async () => {
  const script = join(import.meta.dir, "nft-without-descriptors.ts");
  const child = Bun.spawn([process.execPath, script], { stdio: ["ignore", "pipe", "inherit"] });
  const [reason, listed] = (await child.stdout.json()) as readonly string[];
  expect(reason).toMatch(/^nft can't be run: /);
  expect(listed).toBe("");
});
