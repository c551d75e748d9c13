import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exit } from "../../../../src/core/life/instance.ts";
import {
  followMachine,
  orderByPipe,
  readAgentStatus,
} from "../../../../src/isolation/machine/agent-status.ts";
import { makePipes } from "../../../../src/platform/process/output-pipes.ts";
import type { Child } from "../../../../src/platform/process/spawner.ts";

let directory = "";
let file = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-guest-"));
  file = join(directory, "status");
});
afterEach(() => rmSync(directory, { recursive: true }));

const ENDS: readonly (readonly [string, Exit | null])[] = [
  ["", null],
  ["started\n", null],
  ["listening\n", null],
  ["listening\nexit 7\n", { kind: "code", code: 7 }],
  ["signal 15\n", { kind: "signal", signal: "SIGTERM" }],
  [
    "error in the virtual machine: /dev/vda: No such device\n",
    { kind: "unstarted", reason: "in the virtual machine: /dev/vda: No such device" },
  ],
  ["memory 104857600\n", { kind: "outOfMemory", limitBytes: 104_857_600 }],
  ["exit nonsense\n", { kind: "unknown" }],
];

test.each(ENDS)("the status %j is parsed as an end", (text, end) => {
  writeFileSync(file, text);
  const started = text !== "" && end?.kind !== "unstarted";
  expect(readAgentStatus(file)).toEqual({ started, listening: text.startsWith("listening"), end });
});

test("a machine without a status is neither ready nor ended", () => {
  expect(readAgentStatus(file)).toEqual({ started: false, listening: false, end: null });
});

test("the status of a hostile machine is read only up to a limit", () => {
  writeFileSync(file, `listening\n${"x".repeat(200_000)}\nexit 3\n`);
  expect(readAgentStatus(file)).toMatchObject({ listening: true, end: null });
});

test("an order reaches the machine that has the pipe open, and is not waited for without one", () => {
  const pipe = join(directory, "orders");
  makePipes(directory, [pipe]);
  const order = orderByPipe(pipe);
  expect(order(15)).toBe(false);
  const fd = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  expect(order(15)).toBe(true);
  const heard = Buffer.alloc(64);
  expect(heard.toString("utf8", 0, readSync(fd, heard))).toBe("signal 15\n");
  closeSync(fd);
});

test("an order never follows a link in place of the pipe", () => {
  const target = join(directory, "precious");
  writeFileSync(target, "kept");
  Bun.spawnSync(["ln", "-s", target, join(directory, "orders")]);
  expect(orderByPipe(join(directory, "orders"))(15)).toBe(false);
});

/** A hypervisor's process that has ended. */
function ended(exit: Exit, signals: string[] = []): Child {
  return {
    ref: { pid: 1, startTime: 1 },
    app: 2,
    isRunning: () => false,
    exited: Promise.resolve(exit),
    gone: Promise.resolve(),
    includes: () => true,
    listensOn: () => Promise.resolve(true),
    memoryBytes: () => Promise.resolve(0),
    signal: (signal) => void signals.push(String(signal)),
  };
}

function follow(child: Child, { console = "", isHeard = true, orders = [] as number[] } = {}) {
  const consoleFile = join(directory, "console");
  writeFileSync(consoleFile, console);
  const order = (signal: number) => {
    orders.push(signal);
    return isHeard;
  };
  return followMachine(child, { consoleFile, order, readStatus: () => readAgentStatus(file) });
}

test("the machine's status is the application's exit, whatever the hypervisor's exit", async () => {
  writeFileSync(file, "listening\nexit 3\n");
  const { exited } = follow(ended({ kind: "code", code: 0 }));
  expect(await exited).toEqual({ kind: "code", code: 3 });
});

test("a machine that ends without a status has crashed, with the kernel's last message as the reason", async () => {
  const console =
    "\u001b[2J[    1.0] odd\n[    2.5] Kernel panic - not syncing: no init\n[    2.6] Call Trace:\n";
  const { exited } = follow(ended({ kind: "code", code: 0 }), { console });
  expect(await exited).toEqual({
    kind: "unstarted",
    reason: "the virtual machine ended by itself: Kernel panic - not syncing: no init",
  });
});

test("a hypervisor that was killed is reported as killed", async () => {
  const { exited } = follow(ended({ kind: "signal", signal: "SIGKILL" }));
  expect(await exited).toEqual({ kind: "signal", signal: "SIGKILL" });
});

test("signals go to the application; the hypervisor gets SIGKILL, and signals that no agent receives", async () => {
  writeFileSync(file, "started\n");
  const [signals, orders]: [string[], number[]] = [[], []];
  const child = ended({ kind: "code", code: 0 }, signals);
  follow(child, { orders }).signal("SIGTERM");
  expect({ signals, orders }).toEqual({ signals: [], orders: [15] });
  follow(child, { isHeard: false }).signal("SIGTERM");
  follow(child).signal("SIGKILL");
  expect(signals).toEqual(["SIGTERM", "SIGKILL"]);
});

test("a signal ends a machine in which no application runs yet, and is its exit", async () => {
  const [signals, orders]: [string[], number[]] = [[], []];
  const guest = follow(ended({ kind: "code", code: 0 }, signals), { orders });
  guest.signal("SIGTERM");
  expect({ signals, orders }).toEqual({ signals: ["SIGTERM"], orders: [] });
  expect(await guest.exited).toEqual({ kind: "signal", signal: "SIGTERM" });
});
