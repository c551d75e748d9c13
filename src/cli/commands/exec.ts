// ten exec and ten shell: run a command, or a shell, inside the walls of an instance.
import { constants } from "node:os";
import { type ExecOutcome, runExec } from "../../control/client/exec-client.ts";
import type { ExecMessage } from "../../control/wire/exec.ts";
import type { AttachedStreams, AttachedTerminal } from "../../platform/attached-streams.ts";
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { renderSafe } from "../output.ts";
import { usage } from "../parse.ts";
import { REF, refParams } from "./operands.ts";

const TERM_DEFAULT = "dumb";

export const exec = defineCommand({
  meta: {
    description:
      "Runs a command inside the walls of an instance, awake or not: with its files, user, environment, limits and network. On a terminal the command gets one, too; otherwise its input, output and error are pipes. Exits with the code of the command, or with 128 and its signal. Everything after the name of the instance belongs to the command.",
    examples: [
      "exec notes:alice -- ls -la",
      "exec notes:alice python3 manage.py migrate",
      "exec notes:alice sqlite3 app.db < query.sql",
    ],
  },
  args: {
    ref: REF,
    command: { ...OPERAND, valueHint: "COMMAND", repeated: true, verbatim: true },
  },
  async run({ args, data: context }) {
    await run(context, { ref: refParams(args.ref).ref, command: args._.slice(1) });
  },
});

export const shell = defineCommand({
  meta: {
    description:
      "Opens a shell inside the walls of an instance, awake or not: bash if the instance sees it, otherwise sh.",
    examples: ["shell notes:alice"],
  },
  args: { ref: REF },
  async run({ args, data: context }) {
    await run(context, { ref: refParams(args.ref).ref, command: [] });
  },
});

interface Connected {
  /** Does nothing until the command has started. */
  tell: (message: ExecMessage) => void;
}

async function run(
  context: Context,
  { command, ref }: { ref: string; command: readonly string[] },
): Promise<void> {
  if (context.json) throw usage("Cannot use --json: the output is that of the command");
  const { shell: own, target } = context;
  const streams = own.attach();
  const { terminal } = streams;
  const name = own.env["TERM"] || TERM_DEFAULT;
  const start = { command: [...command], terminal: terminal && { ...terminal.window, name } };
  const gone = new AbortController();
  own.onOutputClosed(() => gone.abort());
  const connected: Connected = { tell: () => undefined };
  const received = passSignals(streams, { connected, gone });
  let leaveRawMode: () => void = () => undefined;
  try {
    const outcome = await runExec(
      target,
      { ref, start },
      {
        signal: gone.signal,
        streams: {
          input: streams.input,
          output: own.hand.bind(own, "output"),
          error: own.hand.bind(own, "error"),
          onStarted(tell) {
            connected.tell = tell;
            if (terminal !== null) leaveRawMode = enterTerminal(terminal, tell);
          },
        },
      },
    );
    report(context, outcome);
  } catch (thrown) {
    if (!gone.signal.aborted) throw thrown;
    context.exitCode = received.code;
  } finally {
    leaveRawMode();
  }
}

function enterTerminal(
  terminal: AttachedTerminal,
  tell: (message: ExecMessage) => void,
): () => void {
  const resize = (size: AttachedTerminal["window"]) => tell({ kind: "resize", size });
  terminal.onResize(resize);
  // It may have changed meanwhile.
  resize(terminal.window);
  return terminal.enterRawMode();
}

/** A command may ignore the first signal; the second one, and any where it has a terminal, ends the connection. */
function passSignals(
  streams: AttachedStreams,
  { connected, gone }: { connected: Connected; gone: AbortController },
): { readonly code: number } {
  const received = { code: 1 };
  let isTold = streams.terminal !== null;
  streams.onSignal((signal) => {
    received.code = 128 + constants.signals[signal];
    if (isTold) gone.abort();
    else connected.tell({ kind: "signal", signal });
    isTold = true;
  });
  return received;
}

function report(context: Context, { code, reason }: ExecOutcome): void {
  if (reason !== null) context.note(`The command was ended: ${renderSafe(reason)}`);
  context.exitCode = code;
}
