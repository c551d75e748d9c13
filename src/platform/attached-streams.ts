// The standard streams and the terminal of this program, handed on to a command that runs elsewhere.
import { isatty } from "node:tty";

export interface TerminalWindow {
  readonly columns: number;
  readonly rows: number;
}

/** Signals that are handed on. Ctrl-C of a terminal in raw mode is no signal, but a byte. */
export const HANDED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
export type HandedOn = (typeof HANDED_ON)[number];

export interface AttachedStreams {
  readonly input: AsyncIterable<Uint8Array>;
  /** Null: input or output is no terminal. */
  readonly terminal: AttachedTerminal | null;
  onSignal(callback: (signal: HandedOn) => void): void;
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
      for (const signal of HANDED_ON) process.on(signal, () => callback(signal));
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
