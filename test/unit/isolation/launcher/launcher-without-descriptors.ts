// A program for `launcher-program.test.ts`: looks for a launcher while no descriptor is free, and again when some are.
import { closeSync, openSync } from "node:fs";
import { failureOf } from "../../../../src/core/failure.ts";
import { findRunnable } from "../../../../src/isolation/launcher/launcher-program.ts";

const find = findRunnable(() => "/usr/bin/env");
const look = () => {
  try {
    return find();
  } catch (error) {
    return failureOf(error).code;
  }
};

const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}
const without = look();
for (const fd of taken) closeSync(fd);
process.stdout.write(JSON.stringify([without, look()]));
