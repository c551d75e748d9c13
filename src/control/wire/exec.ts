// Commands inside an instance on the wire: the messages of their WebSocket.
import { z } from "zod";
import { EXEC_SIGNALS } from "../../core/exec-signals.ts";
import { type Operations, socket } from "./operation.ts";
import { count, envValue, errorAnswer } from "./wire.ts";

/** As much as an exec of the kernel takes in one argument, and far more than people type. */
const COMMAND_WORDS_MAX = 4096;
const TERMINAL_CELLS_MAX = 10_000;

const cells = z.int().min(1).max(TERMINAL_CELLS_MAX);
const size = z.strictObject({ columns: cells, rows: cells });

/** Signals that a client passes on. */
const signal = z.enum(EXEC_SIGNALS);

const started = z.strictObject({
  kind: z.literal("start"),
  command: z.array(envValue).max(COMMAND_WORDS_MAX).describe("Empty: a shell"),
  terminal: size
    .extend({ name: envValue.max(64).describe("The value of TERM") })
    .nullable()
    .describe("Null: three pipes instead of a terminal"),
});

/** Bytes of data that the receiver has passed on. */
const taken = z.strictObject({ kind: z.literal("taken"), bytes: count });

/** The first message is "start". */
export const execRequest = z.discriminatedUnion("kind", [
  started,
  taken,
  z.strictObject({ kind: z.literal("end") }).describe("The end of standard input"),
  z.strictObject({ kind: z.literal("resize"), size }),
  z.strictObject({ kind: z.literal("signal"), signal }),
]);
export type ExecMessage = z.output<typeof execRequest>;
export type ExecStart = z.output<typeof started>;

export const execEvent = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("started") }),
  taken,
  z.strictObject({
    kind: z.literal("exit"),
    code: count.describe("The program's own, or 128 and its signal"),
    reason: z.string().nullable().describe("Why the server ended it; null: it did not"),
  }),
  z.strictObject({ kind: z.literal("refused"), status: count, answer: errorAnswer }),
]);
export type ExecEvent = z.output<typeof execEvent>;

export const EXEC_OPERATIONS = {
  execInstance: {
    summary: "Run a command inside the walls of an instance, over a WebSocket",
    action: "exec",
    answer: socket(
      { sent: execRequest, received: execEvent },
      "Messages of text are JSON objects with a kind. The client sends start first, with the command (empty: a shell) and the terminal's columns, rows and name, or null; later resize, signal, and end for the end of standard input. The server answers started, or refused with the error, and exit in the end. Messages of bytes are data: from the client standard input; from the server a byte 1 for standard output or 2 for standard error, and then the output. Each side reports the data that it has passed on with taken, and has at most 256 KiB under way that the other has not reported. The end of the connection ends the command.",
    ),
    refusals: [426],
  },
} as const satisfies Operations;
