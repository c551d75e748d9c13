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

test.each(ENDS)("%j tells of an end", (text, end) => {
  writeFileSync(file, text);
  const started = text !== "" && end?.kind !== "unstarted";
  expect(readAgentStatus(file)).toEqual({ started, listening: text.startsWith("listening"), end });
});

test("a machine that has not spoken yet is neither ready nor at its end", () => {
  expect(readAgentStatus(file)).toEqual({ started: false, listening: false, end: null });
});

test("what a hostile machine writes beyond all measure is not read to its end", () => {
  writeFileSync(file, `listening\n${"x".repeat(200_000)}\nexit 3\n`);
  expect(readAgentStatus(file)).toMatchObject({ listening: true, end: null });
});

test("an order reaches whoever has the pipe open, and nobody else is waited for", () => {
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

test("an order never follows a link that stands in the pipe's place", () => {
  const target = join(directory, "precious");
  writeFileSync(target, "kept");
  Bun.spawnSync(["ln", "-s", target, join(directory, "orders")]);
  expect(orderByPipe(join(directory, "orders"))(15)).toBe(false);
});

/** The launch of a hypervisor that ended in some way. */
function ended(exit: Exit, signals: string[] = []): Child {
  return {
    ref: { pid: 1, startTime: 1 },
    app: 2,
    exited: Promise.resolve(exit),
    gone: Promise.resolve(),
    listensOn: () => Promise.resolve(true),
    signal: (signal) => void signals.push(signal),
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

test("what the machine said is how the application ended, whatever the hypervisor ended with", async () => {
  writeFileSync(file, "listening\nexit 3\n");
  const { exited } = follow(ended({ kind: "code", code: 0 }));
  expect(await exited).toEqual({ kind: "code", code: 3 });
});

test("a machine that ends without a word has crashed, with its kernel's last", async () => {
  const console =
    "\u001b[2J[    1.0] odd\n[    2.5] Kernel panic - not syncing: no init\n[    2.6] Call Trace:\n";
  const { exited } = follow(ended({ kind: "code", code: 0 }), { console });
  expect(await exited).toEqual({
    kind: "unstarted",
    reason: "the virtual machine ended by itself: Kernel panic - not syncing: no init",
  });
});

test("a hypervisor that was killed was", async () => {
  const { exited } = follow(ended({ kind: "signal", signal: "SIGKILL" }));
  expect(await exited).toEqual({ kind: "signal", signal: "SIGKILL" });
});

test("signals go to the application; the hypervisor gets those that nobody hears, and SIGKILL", async () => {
  writeFileSync(file, "started\n");
  const [signals, orders]: [string[], number[]] = [[], []];
  const child = ended({ kind: "code", code: 0 }, signals);
  follow(child, { orders }).signal("SIGTERM");
  expect({ signals, orders }).toEqual({ signals: [], orders: [15] });
  follow(child, { isHeard: false }).signal("SIGTERM");
  follow(child).signal("SIGKILL");
  expect(signals).toEqual(["SIGTERM", "SIGKILL"]);
});

test("a machine in which nothing runs yet is ended by a signal at once, and that is how it ended", async () => {
  const [signals, orders]: [string[], number[]] = [[], []];
  const guest = follow(ended({ kind: "code", code: 0 }, signals), { orders });
  guest.signal("SIGTERM");
  expect({ signals, orders }).toEqual({ signals: ["SIGTERM"], orders: [] });
  expect(await guest.exited).toEqual({ kind: "signal", signal: "SIGTERM" });
});
