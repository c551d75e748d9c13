// The entry of the executable: hands the command line to the program and its exit code to the shell.
import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import type { Shell } from "./cli/command-context.ts";
import { runProgram } from "./cli/program.ts";
import { attachStreams } from "./platform/attached-streams.ts";
import { readStandardInput } from "./platform/standard-input.ts";
import { StandardStream } from "./platform/standard-stream.ts";

const [STDOUT, STDERR] = [1, 2];
const isTerminal = isatty(STDOUT);
const output = new StandardStream(STDOUT);
const errors = new StandardStream(STDERR);

const shell: Shell = {
  env: process.env,
  cwd: process.cwd(),
  isTerminal,
  input: () => readStandardInput(() => errors.write("Type the input, then Ctrl-D\n")),
  print: (text) => output.write(text),
  attach: attachStreams,
  async hand(stream, bytes) {
    const to = stream === "output" ? output : errors;
    to.write(bytes);
    await to.flushed();
  },
  complain: (text) => errors.write(text),
  printed: () => output.flushed(),
  onOutputClosed: (callback) => output.onClosed(callback),
  onSignal(callback) {
    process.on("SIGINT", callback);
    process.on("SIGTERM", callback);
  },
  onHangup(callback) {
    process.on("SIGHUP", () =>
      isTerminalGone() ? process.kill(process.pid, "SIGTERM") : callback(),
    );
  },
};

/** A terminal that closes says so by SIGHUP as well, and whoever closed it wants to see an end. */
function isTerminalGone(): boolean {
  if (!isTerminal) return false;
  try {
    closeSync(openSync("/dev/tty", "r"));
    return false;
  } catch {
    return true;
  }
}

const exitCode = await runProgram(process.argv.slice(2), shell);
await Promise.allSettled([output.flushed(), errors.flushed()]);
process.exit(exitCode);
