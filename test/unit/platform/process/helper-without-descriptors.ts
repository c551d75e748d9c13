// A program for `helper.test.ts`: runs helpers while no descriptor is free.
import { closeSync, openSync } from "node:fs";
import { codeOf } from "../../../../src/platform/files.ts";
import { runHelper, runHelperSync } from "../../../../src/platform/process/helper.ts";

const order = { argv: ["/bin/true"], timeoutMs: 60_000 };
const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}
const ends = [runHelperSync(order), await runHelper(order)];
for (const fd of taken) closeSync(fd);
for (const end of ends) console.log(end.kind, end.kind === "failed" ? codeOf(end.cause) : "");
