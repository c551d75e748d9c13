import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { prepareImage } from "../../../../src/isolation/machine/machine-image.ts";

const LONG_AGO = new Date("2020-01-01");
let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "ten-image-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function prepare(agent: string) {
  const path = join(dataDir, "vmlinuz");
  if (!existsSync(path)) writeFileSync(path, "kernel", { mode: 0o600 });
  const kernel = { path, modules: null };
  return prepareImage(dataDir, { kernel, modules: [], agent: new TextEncoder().encode(agent) });
}

test("a kernel is copied beside the agent, where every user may read it", () => {
  const image = prepare("agent");
  expect(readFileSync(image.kernel, "utf8")).toBe("kernel");
  expect(statSync(image.kernel).mode & 0o777).toBe(0o444);
  expect(readFileSync(image.drivers, "latin1")).toContain("agent");
});

test("an image is made once, and anew for another agent", () => {
  const first = prepare("agent");
  const made = statSync(first.drivers).ino;
  expect(prepare("agent")).toEqual(first);
  expect(statSync(first.drivers).ino).toBe(made);
  expect(prepare("another")).not.toEqual(first);
});

test("an image that was not used for long is removed when another is made", () => {
  const [used, unused] = [prepare("used"), prepare("unused")];
  for (const { kernel } of [used, unused]) utimesSync(dirname(kernel), LONG_AGO, LONG_AGO);
  prepare("used");
  prepare("new");
  expect([used, unused].map(({ kernel }) => existsSync(kernel))).toEqual([true, false]);
});
