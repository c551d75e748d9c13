// The standard streams and the terminal of this program, handed on to a command that runs elsewhere.
import { isatty } from "node:tty";
import { EXEC_SIGNALS, type ExecSignal } from "../core/exec-signals.ts";

export interface TerminalWindow {
  readonly columns: number;
  readonly rows: number;
}

export interface AttachedStreams {
  readonly input: AsyncIterable<Uint8Array>;
  /** Null: input or output is no terminal. */
  readonly terminal: AttachedTerminal | null;
  onSignal(callback: (signal: ExecSignal) => void): void;
}

export interface AttachedTerminal {
  readonly window: TerminalWindow;
  /** Hands on every key; the returned function undoes it. */
  enterRawMode(): () => void;
  onResize(callback: (window: TerminalWindow) => void): void;
}

const WINDOW_DEFAULT: TerminalWindow = { columns: 80, rows: 24 };

export function attachStreams(): AttachedStreams {
  return {
    input: process.stdin,
    terminal: isatty(0) && isatty(1) ? ownTerminal() : null,
    onSignal(callback) {
      for (const signal of EXEC_SIGNALS) process.on(signal, () => callback(signal));
    },
  };
}

function ownTerminal(): AttachedTerminal {
  const look = (): TerminalWindow => {
    const [columns, rows] = process.stdout.getWindowSize();
    return {
      columns: columns || WINDOW_DEFAULT.columns,
      rows: rows || WINDOW_DEFAULT.rows,
    };
  };
  return {
    get window() {
      return look();
    },
    enterRawMode() {
      process.stdin.setRawMode(true);
      return () => {
        process.stdin.setRawMode(false);
      };
    },
    onResize(callback) {
      process.on("SIGWINCH", () => callback(look()));
    },
  };
}
