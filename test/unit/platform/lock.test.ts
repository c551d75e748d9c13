import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockDirectory } from "../../../src/platform/lock.ts";

test("a second server is refused with the first's pid, until the first has ended", () => {
  const directory = mkdtempSync(join(tmpdir(), "ten-lock-"));
  try {
    const first = lockDirectory(directory);
    expect(() => lockDirectory(directory)).toThrow(`a server already does, pid ${process.pid}`);
    first[Symbol.dispose]();
    lockDirectory(directory)[Symbol.dispose]();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a lock whose pid file can't be written is released again", () => {
  const directory = mkdtempSync(join(tmpdir(), "ten-lock-"));
  const pidFile = join(directory, "tenement.pid");
  try {
    mkdirSync(pidFile);
    expect(() => lockDirectory(directory)).toThrow(/^Cannot lock .*: EISDIR/);
    rmdirSync(pidFile);
    using _ = lockDirectory(directory);
    rmSync(pidFile);
    expect(() => lockDirectory(directory)).toThrow("a server already does, pid unknown");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("the lock ends with a process that is killed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ten-lock-"));
  const script = `const { lockDirectory } = await import(${JSON.stringify(`${process.cwd()}/src/platform/lock.ts`)});
    globalThis.lock = lockDirectory(${JSON.stringify(directory)}); console.log("locked"); setInterval(() => {}, 1e6);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  await child.stdout.getReader().read();
  expect(() => lockDirectory(directory)).toThrow(`pid ${child.pid}`);
  child.kill("SIGKILL");
  await child.exited;
  lockDirectory(directory)[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});
