import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exit } from "../../../../src/core/life/instance.ts";
import { followSandbox } from "../../../../src/isolation/sandbox/sandbox-follower.ts";
import type { Child } from "../../../../src/platform/process/spawner.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-follower-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A launcher's process, and the signal that it was sent. */
function fakeLauncher() {
  const exit = Promise.withResolvers<Exit>();
  const got = Promise.withResolvers<NodeJS.Signals | number>();
  const child: Child = {
    ref: { pid: 0, startTime: 0 },
    app: 0,
    isRunning: () => true,
    exited: exit.promise,
    gone: exit.promise.then(() => undefined),
    includes: () => true,
    listensOn: () => Promise.resolve(false),
    memoryBytes: () => Promise.resolve(0),
    signal: got.resolve,
  };
  return { child, end: exit.resolve, signalled: got.promise };
}

function follow(child: Child, script: string | null) {
  const renderSignal = (signal: string) => (script === null ? null : ["sh", "-c", script, signal]);
  return followSandbox(child, { logFile: join(directory, "log"), renderSignal });
}

test("a command sends a signal inside, and has ended when the sandbox is gone", async () => {
  const { child, end } = fakeLauncher();
  const told = join(directory, "told");
  const sandbox = follow(child, `sleep 0.05; echo $0 > ${told}`);
  sandbox.signal("SIGTERM");
  end({ kind: "code", code: 0 });
  await sandbox.gone;
  expect(readFileSync(told, "utf8")).toBe("SIGTERM\n");
});

test.each([
  ["fails, since the sandbox does not run yet", "exit 1"],
  ["no longer exists", null],
])("a sandbox whose command %s is killed instead", async (_, script) => {
  const { child, signalled } = fakeLauncher();
  follow(child, script).signal("SIGTERM");
  expect(await signalled).toBe("SIGKILL");
});

test("a sandbox whose command does not end is killed instead, and is gone without it", async () => {
  const { child, end, signalled } = fakeLauncher();
  const sandbox = followSandbox(child, {
    logFile: join(directory, "log"),
    renderSignal: () => ["sleep", "1000"],
    deliveryMs: 20,
  });
  sandbox.signal("SIGTERM");
  expect(await signalled).toBe("SIGKILL");
  end({ kind: "signal", signal: "SIGKILL" });
  await sandbox.gone;
});

test("the rest of a sandbox that has ended is signalled directly", async () => {
  const { child, end, signalled } = fakeLauncher();
  const sandbox = follow(child, "exit 0");
  end({ kind: "code", code: 7 });
  expect(await sandbox.exited).toEqual({ kind: "code", code: 7 });
  sandbox.signal("SIGINT");
  expect(await signalled).toBe("SIGINT");
});

test("a sandbox that could not be set up reports the reason", async () => {
  const { child, end } = fakeLauncher();
  writeFileSync(join(directory, "log"), JSON.stringify({ msg: "no memory", level: "error" }));
  const sandbox = follow(child, null);
  end({ kind: "code", code: 128 });
  expect(await sandbox.exited).toEqual({ kind: "unstarted", reason: "gVisor: no memory" });
});

test("an application may end with the same code as such a sandbox", async () => {
  const { child, end } = fakeLauncher();
  const sandbox = follow(child, null);
  end({ kind: "code", code: 128 });
  expect(await sandbox.exited).toEqual({ kind: "code", code: 128 });
});
