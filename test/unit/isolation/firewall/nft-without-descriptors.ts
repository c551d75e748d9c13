// A program for `nft.test.ts`: runs nft while no descriptor is free.
import { closeSync, openSync } from "node:fs";
import { listNft, runNft } from "../../../../src/isolation/firewall/nft.ts";

const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}
const found = [runNft("", { check: true })?.reason, listNft(["tables"])];
for (const fd of taken) closeSync(fd);
process.stdout.write(JSON.stringify(found));
