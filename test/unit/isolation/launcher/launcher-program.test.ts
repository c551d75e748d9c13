import { expect, test } from "bun:test";
import { join } from "node:path";

test("a launcher that can't be tried for want of a descriptor is found later", async () => {
  const script = join(import.meta.dir, "launcher-without-descriptors.ts");
  const child = Bun.spawn([process.execPath, script], { stdio: ["ignore", "pipe", "inherit"] });
  expect(await child.stdout.json()).toEqual(["DESCRIPTORS_EXHAUSTED", "/usr/bin/env"]);
});
