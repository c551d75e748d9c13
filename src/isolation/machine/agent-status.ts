// What the agent in a virtual machine says, and what is said to it: the lines of its status, and signals.
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { constants as system } from "node:os";
import type { Exit } from "../../core/life/instance.ts";
import type { Child } from "../../platform/process/spawner.ts";
import { signalName } from "../launcher/launcher-status.ts";

/** What a machine may have written, which is a tenant's word, is read no further. */
const STATUS_BYTES_MAX = 64 * 1024;
const CONSOLE_BYTES_MAX = 1024 * 1024;

export interface AgentStatus {
  /** Whether the application runs, or has run. */
  readonly started: boolean;
  /** Whether the application accepts connections. */
  readonly listening: boolean;
  /** Null: it has not ended, or the machine ended before it could say so. */
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
  // What a machine has for its processes is a little less than its memory.
  if (word === "memory") return { kind: "outOfMemory", limitBytes: number };
  if (word === "exit") return { kind: "code", code: number & 0xff };
  return { kind: "signal", signal: signalName(number) };
}

/** How a machine is told of a signal; false: nobody is there to be told. */
export type SignalOrder = (signal: number) => boolean | Promise<boolean>;

/** By the named pipe that a machine reads its orders from. */
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
      // No machine has it open yet or any more, or it is full of orders that were not taken.
      return false;
    }
  };
}

/** The ways to the agent of one machine. */
export interface AgentConnection {
  readonly order: SignalOrder;
  readonly readStatus: () => AgentStatus;
  /** Where the kernel of the machine spoke; null: in the application's log. */
  readonly consoleFile: string | null;
}

/** The process of a hypervisor as that of the application in its machine. */
export function followMachine(
  child: Child,
  { consoleFile, order, readStatus }: AgentConnection,
): Child {
  let ended: NodeJS.Signals | null = null;
  const exited = child.exited.then((exit) => {
    const end = readStatus().end;
    if (end !== null || exit.kind !== "code") return end ?? exit;
    return ended === null
      ? explain(exit, consoleFile)
      : ({ kind: "signal", signal: ended } as const);
  });
  const endMachine = (signal: NodeJS.Signals) => {
    ended = signal;
    child.signal(signal);
  };
  return {
    ref: child.ref,
    get app() {
      return child.app;
    },
    exited,
    // The status has been read when this resolves, and may go.
    gone: exited.then(() => child.gone),
    // Its only way in is a socket of the server's.
    listensOn: () => Promise.resolve(false),
    signal(signal) {
      // A hypervisor that gets a signal ends, and its machine with it: right where no application runs in that yet.
      const heard = signal !== "SIGKILL" && readStatus().started && order(system.signals[signal]);
      if (heard === false) endMachine(signal);
      else if (heard !== true) void heard.then((isHeard) => isHeard || endMachine(signal));
    },
  };
}

/** A machine that ends without a word has crashed, however well its hypervisor ended. */
function explain({ code }: { readonly code: number }, consoleFile: string | null): Exit {
  const text = consoleFile === null ? "" : readSome(consoleFile, CONSOLE_BYTES_MAX);
  const lines = text.split("\n");
  const said = lines.map(plain).filter((line) => /\S/.test(line) && !line.includes("reboot: "));
  // A panic is followed by a long account of where it happened.
  const last = said.find((line) => line.includes("Kernel panic")) ?? said.at(-1);
  const how =
    code === 0 ? "the virtual machine ended by itself" : `the hypervisor ended with ${code}`;
  return { kind: "unstarted", reason: last === undefined ? how : `${how}: ${last}` };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: consoles are full of them.
const CONTROLS = /\u001b\[[0-9;?]*[a-zA-Z]|[\u0000-\u001f]/g;
const TIME_SINCE_START = /^\[\s*[\d.]+\] /;

/** Without what would move a reader's cursor. */
function plain(line: string): string {
  return line.replace(CONTROLS, "").replace(TIME_SINCE_START, "");
}

/** A file's beginning; a file that can't be read says nothing. */
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
