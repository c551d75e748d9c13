// The entry of the executable: hands the command line to the program and its exit code to the shell.
import { closeSync, openSync } from "node:fs";
import type { Shell } from "./cli/command-context.ts";
import { runProgram } from "./cli/program.ts";

const shell: Shell = {
  env: process.env,
  cwd: process.cwd(),
  isTerminal: process.stdout.isTTY === true,
  print(text) {
    process.stdout.write(text);
  },
  complain(text) {
    process.stderr.write(text);
  },
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
  if (!process.stdout.isTTY) return false;
  try {
    closeSync(openSync("/dev/tty", "r"));
    return false;
  } catch {
    return true;
  }
}

// A reader such as `head` has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

const exitCode = await runProgram(process.argv.slice(2), shell);
process.stdout.write("", () => process.exit(exitCode));
