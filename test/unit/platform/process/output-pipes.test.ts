import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  openOutput,
  outputPaths,
  removeOutput,
} from "../../../../src/platform/process/output-pipes.ts";

const ref = { service: "notes", id: "alice" };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-output-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

test("makes two private pipes, and reuses them", () => {
  const first = openOutput(directory, { ref, slot: 0 });
  expect(first.pipes).toEqual({
    stdout: join(directory, "notes", "alice.stdout"),
    stderr: join(directory, "notes", "alice.stderr"),
  });
  const before = lstatSync(first.pipes.stdout);
  expect(before.isFIFO()).toBe(true);
  expect(before.mode & 0o777).toBe(0o600);
  first.close();
  const second = openOutput(directory, { ref, slot: 0 });
  expect(lstatSync(second.pipes.stdout).ino).toBe(before.ino);
  second.close();
});

test("replaces a file by a pipe", () => {
  mkdirSync(join(directory, "notes"));
  const { stdout } = outputPaths(directory, { ref, slot: 0 });
  writeFileSync(stdout, "not a pipe");
  openOutput(directory, { ref, slot: 0 }).close();
  expect(lstatSync(stdout).isFIFO()).toBe(true);
});

test("opens descriptors that a child can write to after the server has closed them", async () => {
  const output = openOutput(directory, { ref, slot: 0 });
  const reader = openSync(output.pipes.stderr, constants.O_RDONLY | constants.O_NONBLOCK);
  const child = Bun.spawn(["sh", "-c", "echo by name > /dev/stderr; echo by number >&2"], {
    stdio: ["ignore", output.fds.stdout, output.fds.stderr],
  });
  output.close();
  await child.exited;
  const buffer = Buffer.alloc(100);
  expect(buffer.toString("utf8", 0, readSync(reader, buffer))).toBe("by name\nby number\n");
  closeSync(reader);
});

test("a second close does not close another descriptor", () => {
  const output = openOutput(directory, { ref, slot: 0 });
  output.close();
  const other = openSync(join(directory, "other"), "w");
  output.close();
  expect(() => closeSync(other)).not.toThrow();
});

test("fails with the bare reason, behind which the catcher names the instance", () => {
  writeFileSync(join(directory, "notes"), "in the way");
  expect(() => openOutput(directory, { ref, slot: 0 })).toThrow(/^its output can't be opened: E/);
});

test("removes the pipes of both slots of an instance, whether they exist or not", () => {
  const opened = [openOutput(directory, { ref, slot: 0 }), openOutput(directory, { ref, slot: 1 })];
  for (const { close } of opened) close();
  removeOutput(directory, ref);
  removeOutput(directory, ref);
  for (const { pipes } of opened) {
    expect(lstatSync(pipes.stdout, { throwIfNoEntry: false })).toBeUndefined();
  }
});
