// Output of the real program into pipes, closed pipes and a full device.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TEN = `"${process.execPath}" "${join(import.meta.dir, "../../../src/main.ts")}"`;
/** Their configuration is some 350 KB as JSON, more than a pipe holds. */
const SERVICES = 500;

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "ten-output-"));
  const services = Array.from({ length: SERVICES }, (_, n) => `[service.s${n}]\ncommand = "x"\n`);
  writeFileSync(join(root, "tenement.toml"), services.join(""));
});

afterAll(() => rmSync(root, { recursive: true }));

async function shell(script: string): Promise<{ out: string; err: string; exit: number }> {
  const run = Bun.spawn(["sh", "-c", script], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const [out, err] = await Promise.all([run.stdout.text(), run.stderr.text()]);
  return { out, err, exit: await run.exited };
}

test("a pipe gets everything that a file gets, however slow its reader is", async () => {
  await shell(`${TEN} config --json > whole`);
  const { size } = Bun.file(join(root, "whole"));
  expect(size).toBeGreaterThan(256 * 1024);
  const { out } = await shell(`${TEN} config --json | { sleep 1; cat; }`);
  expect(out.length).toBe(size);
  expect(Object.keys((JSON.parse(out) as { service: object }).service)).toHaveLength(SERVICES);
});

test("a reader that has seen enough ends the program without an error", async () => {
  const { err, exit } = await shell(`{ ${TEN} config --json; echo $? >&3; } 3>code | head -c 10`);
  expect({ err, exit }).toEqual({ err: "", exit: 0 });
  expect(await Bun.file(join(root, "code")).text()).toBe("0\n");
});

test.skipIf(process.platform !== "linux")("output that can't be written is an error", async () => {
  const { err, exit } = await shell(`${TEN} config > /dev/full`);
  expect(exit).toBe(1);
  expect(err).toStartWith("error: Cannot write the output: ENOSPC");
});
