// The agent of a machine, as the server talks to it: reads its status, orders signals, reports the exit.
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { constants as system } from "node:os";
import type { Exit } from "../../core/life/instance.ts";
import type { Child } from "../../platform/process/spawner.ts";
import { signalName } from "../launcher/launcher-status.ts";

/** A tenant controls the output of the machine, so the server reads no more than this. */
const STATUS_BYTES_MAX = 64 * 1024;
const CONSOLE_BYTES_MAX = 1024 * 1024;

export interface AgentStatus {
  /** Whether the application runs, or has run. */
  readonly started: boolean;
  /** Whether the application accepts connections. */
  readonly listening: boolean;
  /** Null: it has not ended, or the machine ended before the agent could report the end. */
  readonly end: Exit | null;
}

export function readAgentStatus(file: string): AgentStatus {
  const lines = readSome(file, STATUS_BYTES_MAX).split("\n");
  const last = lines.findLast((line) => /^(exit|signal|memory|error) /.test(line));
  return {
    started: lines.some((line) => /^(started|listening|exit|signal|memory)\b/.test(line)),
    listening: lines.includes("listening"),
    end: last === undefined ? null : readEnd(last),
  };
}

function readEnd(line: string): Exit {
  const [word = "", ...rest] = line.split(" ");
  if (word === "error") return { kind: "unstarted", reason: rest.join(" ") };
  const number = Number(rest[0]);
  if (!Number.isSafeInteger(number)) return { kind: "unknown" };
  // The processes of a machine have a little less than its memory, so the agent reports the limit.
  if (word === "memory") return { kind: "outOfMemory", limitBytes: number };
  if (word === "exit") return { kind: "code", code: number & 0xff };
  return { kind: "signal", signal: signalName(number) };
}

/** Sends a signal's number to the agent; false: no agent receives it. */
export type SignalOrder = (signal: number) => boolean | Promise<boolean>;

/** Through the named pipe from which a machine reads its orders. */
export function orderByPipe(pipe: string): SignalOrder {
  return (signal) => {
    try {
      const fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
      try {
        return writeSync(fd, `signal ${signal}\n`) > 0;
      } finally {
        closeSync(fd);
      }
    } catch {
      // No machine has it open, or it is full of orders that the machine has not read.
      return false;
    }
  };
}

/** How the server talks to the agent of one machine. */
export interface AgentConnection {
  readonly order: SignalOrder;
  readonly readStatus: () => AgentStatus;
  /** The console file of the machine's kernel; null: the kernel writes to the application's log. */
  readonly consoleFile: string | null;
}

type Signal = NodeJS.Signals | number;

/** Follows the application in a machine through the process of its hypervisor. */
export function followMachine(
  child: Child,
  { consoleFile, order, readStatus }: AgentConnection,
): Child {
  let sent: Signal | null = null;
  const exited = child.exited.then((exit) => {
    const end = readStatus().end;
    if (end !== null || exit.kind !== "code") return end ?? exit;
    return sent === null
      ? explain(exit, consoleFile)
      : ({ kind: "signal", signal: String(sent) } as const);
  });
  const endMachine = (signal: Signal) => {
    sent = signal;
    child.signal(signal);
  };
  return {
    ref: child.ref,
    get app() {
      return child.app;
    },
    isRunning: () => child.isRunning(),
    exited,
    // When this resolves, the status has been read and may be removed.
    gone: exited.then(() => child.gone),
    // A machine has no port of the host: its only entry is a Unix socket.
    listensOn: () => Promise.resolve(false),
    includes: (pid) => child.includes(pid),
    memoryBytes: () => child.memoryBytes(),
    signal(signal) {
      // The hypervisor ends at a signal, and its machine with it: right only while no application runs in it.
      const isForAgent = typeof signal === "string" && signal !== "SIGKILL" && readStatus().started;
      if (isForAgent) orElse(order(system.signals[signal]), () => endMachine(signal));
      else endMachine(signal);
    },
  };
}

/** Calls `endMachine` when no agent has received the order; at once where that is known at once. */
function orElse(isReceived: ReturnType<SignalOrder>, endMachine: () => void): void {
  if (isReceived === false) endMachine();
  else if (isReceived !== true) {
    isReceived.then((received) => received || endMachine(), endMachine);
  }
}

/** A machine that ends without a status has crashed, whatever the hypervisor's exit code. */
function explain({ code }: { readonly code: number }, consoleFile: string | null): Exit {
  const text = consoleFile === null ? "" : readSome(consoleFile, CONSOLE_BYTES_MAX);
  const lines = text.split("\n");
  const messages = lines.map(plain).filter((line) => /\S/.test(line) && !line.includes("reboot: "));
  // After a panic the kernel prints a long trace.
  const last = messages.find((line) => line.includes("Kernel panic")) ?? messages.at(-1);
  const how =
    code === 0 ? "the virtual machine ended by itself" : `the hypervisor ended with ${code}`;
  return { kind: "unstarted", reason: last === undefined ? how : `${how}: ${last}` };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: consoles are full of them.
const CONTROLS = /\u001b\[[0-9;?]*[a-zA-Z]|[\u0000-\u001f]/g;
const TIME_SINCE_START = /^\[\s*[\d.]+\] /;

/** Without control characters, which would move a reader's cursor. */
function plain(line: string): string {
  return line.replace(CONTROLS, "").replace(TIME_SINCE_START, "");
}

/** The beginning of a file; empty when it can't be read. */
function readSome(file: string, bytesMax: number): string {
  let fd: number | null = null;
  try {
    fd = openSync(file, constants.O_RDONLY);
    const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, bytesMax));
    return bytes.toString("utf8", 0, readSync(fd, bytes));
  } catch {
    return "";
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
